// AdamW over a model's trained weights: float32 masters in a flat arena, moments of either kind.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/engine/optim/moments.h"

namespace temper::optim {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;   ///< not applied to norms and biases, as transformers' Trainer has it
  double max_grad_norm = 1;  ///< 0: no clipping
  MomentKind moments = MomentKind::Float32;
};

struct UpdateResult {
  double grad_norm = 0;  ///< before clipping; not finite when a gradient is not
  bool skipped = false;  ///< a gradient was not finite: nothing was changed but the gradients,
                         ///< which are zeroed
};

class AdamW {
 public:
  AdamW(model::Model& model, const AdamWOptions& options);

  /// One step with the gradients in the model's store, at this learning rate; zeroes them and
  /// refreshes the model's forward copies.
  UpdateResult step(double learning_rate);
  /// The norm of the gradients as they stand.
  double gradient_norm() const;
  void zero_gradients();
  int64_t steps() const { return steps_; }

  /// For a checkpoint: the moments, to be read or written, and the count of steps.
  std::vector<Moments::Tensor> moments() { return moments_.tensors(); }
  void go_on_from(int64_t steps) { steps_ = steps; }

 private:
  model::Model& model_;
  AdamWOptions options_;
  Moments moments_;
  int64_t steps_ = 0;
};

}  // namespace temper::optim
