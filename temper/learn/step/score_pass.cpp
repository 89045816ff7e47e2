#include "temper/learn/step/score_pass.h"

namespace temper::step {

double ScorePass::flops() const {
  return 2.0 * static_cast<double>(rows * labels * model.config().width);
}

void ScorePass::read_head() {
  model::score(model.score_head(), hidden.data(), rows, values.data());
  model.count_flops(flops());
}

void ScorePass::forward(model::Activations& activations) {
  model.forward(packed.rows, activations, hidden.data());
  read_head();
}

void ScorePass::infer() {
  model::KvCache cache = model.cache(packed.rows.blocks);
  model.infer(packed.rows, cache, hidden.data());
  read_head();
}

void ScorePass::backward(model::Activations& activations, std::span<const float> d_values) {
  tensor::Floats d_hidden(rows * model.config().width);
  model::score_backward(model.score_head(), model.store(),
                        {.hidden = hidden.data(),
                         .rows = rows,
                         .d_values = d_values.data(),
                         .d_hidden = d_hidden.data()});
  model.count_flops(2 * flops());
  model.backward(packed.rows, activations, d_hidden.data());
}

}  // namespace temper::step
