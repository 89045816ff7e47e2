// One micro-batch between the model's forward and backward. For sources of learn/step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "temper/engine/kernel/head.h"
#include "temper/learn/step/step.h"

namespace temper::step {

/// [N] ∂L/∂ of what the head said; null: it is not in the loss.
struct HeadSlopes {
  const float* logp;
  const float* entropy = nullptr;
  const float* mean_logp = nullptr;
};

struct HeadPass {
  model::Model& model;
  const batch::Packed& packed;
  int64_t rows;
  double temperature;
  tensor::Floats hidden, lse;
  HeadNumbers numbers;

  /// `packed` must outlive it.
  HeadPass(model::Model& model, const batch::Packed& packed, double temperature);

  /// Fill `numbers`; sum_p2 and mean_logp where the caller has given them their size. infer()
  /// keeps nothing for backward().
  void forward(model::Activations& activations);
  void infer();
  void backward(model::Activations& activations, const HeadSlopes& slopes);
  /// [N] log-probs of the same pass at another temperature.
  std::vector<float> logp_at(double other_temperature) const;

 private:
  kernel::HeadInput input() const;
  void read_head();
  double flops() const;
};

/// [N] A float32 leaf with these values; [N] int64, the answer of each token.
at::Tensor leaf(const std::vector<float>& values);
at::Tensor answers_of(const batch::Packed& packed);
/// Adds a micro-batch's tokens, entropy and accuracy; takes their means at the end.
void count(const HeadPass& pass, BatchResult& result);
void finish(BatchResult& result);

/// The members' metrics over micro-batches, each folded as it says.
class FoldedMetrics {
 public:
  void add(const std::vector<algo::Metric>& metrics);
  std::map<std::string, double> values() const;

 private:
  struct Folded {
    algo::Fold fold = algo::Fold::Mean;
    double total = 0, count = 0, least = 0, largest = 0, mean = 0, around = 0;
  };
  std::map<std::string, Folded> folded_;
};

}  // namespace temper::step
