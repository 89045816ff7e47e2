// One micro-batch through a model with a score head, between its forward and backward. For sources
// of learn/step.
#pragma once

#include <span>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/learn/batch/pack.h"

namespace temper::step {

struct ScorePass {
  model::Model& model;
  const batch::Packed& packed;
  int64_t rows = packed.size(), labels = model.score_head().labels();
  tensor::Floats hidden{rows * model.config().width};
  std::vector<float> values = std::vector<float>(static_cast<size_t>(rows * labels));

  /// Fill `values`, [rows, labels]. infer() keeps nothing for backward().
  void forward(model::Activations& activations);
  void infer();
  /// Of a loss whose slopes in `values` these are.
  void backward(model::Activations& activations, std::span<const float> d_values);

 private:
  void read_head();
  double flops() const;
};

}  // namespace temper::step
