#include "temper/engine/optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "temper/engine/kernel/pointwise.h"

namespace temper::optim {

AdamW::AdamW(model::Model& model, const AdamWOptions& options)
    : model_(model), options_(options), moments_(model.store(), options.moments) {}

double AdamW::gradient_norm() const {
  const std::span<float> gradients = model_.store().gradients();
  return std::sqrt(
      kernel::sum_of_squares(gradients.data(), static_cast<int64_t>(gradients.size())));
}

void AdamW::zero_gradients() {
  std::span<float> gradients = model_.store().gradients();
  std::fill(gradients.begin(), gradients.end(), 0.0f);
}

UpdateResult AdamW::step(double learning_rate) {
  UpdateResult result{.grad_norm = gradient_norm()};
  if (!std::isfinite(result.grad_norm)) {
    result.skipped = true;
    zero_gradients();
    return result;
  }
  ++steps_;
  double scale = 1;  // torch.nn.utils.clip_grad_norm_
  if (options_.max_grad_norm > 0) {
    scale = std::min(1.0, options_.max_grad_norm / (result.grad_norm + 1e-6));
  }
  model::WeightStore& store = model_.store();
  for (model::Weight& weight : store.all()) {
    if (!weight.trained()) continue;
    moments_.step({.lr = learning_rate,
                   .beta1 = options_.beta1,
                   .beta2 = options_.beta2,
                   .eps = options_.eps,
                   .weight_decay = weight.is_matrix ? options_.weight_decay : 0,
                   .step = steps_,
                   .gradient_scale = scale},
                  weight, store.gradient(weight).data(), store.master(weight).data());
  }
  zero_gradients();
  model_.refresh();
  return result;
}

}  // namespace temper::optim
