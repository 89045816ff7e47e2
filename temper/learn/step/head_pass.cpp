#include "temper/learn/step/head_pass.h"

#include <algorithm>

namespace temper::step {

HeadPass::HeadPass(model::Model& m, const batch::Packed& p, double t)
    : model(m),
      packed(p),
      rows(p.size()),
      temperature(t),
      hidden(rows * m.config().width),
      lse(rows) {
  numbers.logp.resize(static_cast<size_t>(rows));
  numbers.entropy.resize(static_cast<size_t>(rows));
  numbers.argmax.resize(static_cast<size_t>(rows));
}

kernel::HeadInput HeadPass::input() const {
  return {.hidden = hidden.data(),
          .rows = rows,
          .weight = model.head().forward,
          .targets = packed.targets.data(),
          .temperature = temperature};
}

double HeadPass::flops() const {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(model.head().size());
}

void HeadPass::read_head() {
  kernel::head(input(), {.logp = numbers.logp.data(),
                         .lse = lse.data(),
                         .entropy = numbers.entropy.data(),
                         .sum_p2 = numbers.sum_p2.empty() ? nullptr : numbers.sum_p2.data(),
                         .argmax = numbers.argmax.data()});
  model.count_flops(flops());
}

void HeadPass::forward(model::Activations& activations) {
  model.forward(packed.rows, activations, hidden.data());
  read_head();
}

void HeadPass::infer() {
  model::KvCache cache = model.cache(packed.rows.blocks);
  model.infer(packed.rows, cache, hidden.data());
  read_head();
}

void HeadPass::backward(model::Activations& activations, const float* d_logp,
                        const float* d_entropy) {
  tensor::Floats d_hidden(rows * model.config().width);
  kernel::head_backward(input(), {.lse = lse.data(),
                                  .entropy = numbers.entropy.data(),
                                  .d_logp = d_logp,
                                  .d_entropy = d_entropy,
                                  .weight_plain = model.head().plain,
                                  .d_hidden = d_hidden.data(),
                                  .d_weight = model.head_gradient()});
  model.count_flops((model.head().trained() ? 3 : 2) * flops());
  model.backward(packed.rows, activations, d_hidden.data());
}

void FoldedMetrics::add(const std::vector<algo::Metric>& metrics) {
  for (const algo::Metric& metric : metrics) {
    Folded& folded = folded_[metric.name];
    folded.fold = metric.fold;
    for (double value : metric.values) {
      if (folded.count == 0) folded.least = folded.largest = value;
      folded.total += value;
      folded.least = std::min(folded.least, value);
      folded.largest = std::max(folded.largest, value);
      ++folded.count;
    }
  }
}

std::map<std::string, double> FoldedMetrics::values() const {
  std::map<std::string, double> values;
  for (const auto& [name, f] : folded_) {
    values[name] = f.fold == algo::Fold::Least     ? f.least
                   : f.fold == algo::Fold::Largest ? f.largest
                                                   : f.total / std::max(f.count, 1.0);
  }
  return values;
}

}  // namespace temper::step
