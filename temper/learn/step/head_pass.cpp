#include "temper/learn/step/head_pass.h"

#include <algorithm>

#include "temper/engine/tensor/tensor.h"

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
  kernel::head(input(),
               {.logp = numbers.logp.data(),
                .lse = lse.data(),
                .entropy = numbers.entropy.data(),
                .sum_p2 = numbers.sum_p2.empty() ? nullptr : numbers.sum_p2.data(),
                .argmax = numbers.argmax.data(),
                .mean_logp = numbers.mean_logp.empty() ? nullptr : numbers.mean_logp.data()});
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

void HeadPass::backward(model::Activations& activations, const HeadSlopes& slopes) {
  tensor::Floats d_hidden(rows * model.config().width);
  kernel::head_backward(input(), {.lse = lse.data(),
                                  .entropy = numbers.entropy.data(),
                                  .d_logp = slopes.logp,
                                  .d_entropy = slopes.entropy,
                                  .d_mean_logp = slopes.mean_logp,
                                  .weight_plain = model.head().plain,
                                  .d_hidden = d_hidden.data(),
                                  .d_weight = model.head_gradient()});
  model.count_flops((model.head().trained() ? 3 : 2) * flops());
  model.backward(packed.rows, activations, d_hidden.data());
}

std::vector<float> HeadPass::logp_at(double other_temperature) const {
  if (other_temperature == temperature) return numbers.logp;
  kernel::HeadInput other = input();
  other.temperature = other_temperature;
  std::vector<float> logp(static_cast<size_t>(rows));
  kernel::head(other, {.logp = logp.data()});
  model.count_flops(flops());
  return logp;
}

at::Tensor leaf(const std::vector<float>& values) {
  return at::from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kFloat)
      .clone();
}

at::Tensor answers_of(const batch::Packed& packed) {
  std::vector<int64_t> answer(packed.answer.begin(), packed.answer.end());
  return at::from_blob(answer.data(), {static_cast<int64_t>(answer.size())}, at::kLong).clone();
}

void count(const HeadPass& pass, BatchResult& result) {
  result.trained_tokens += pass.rows;
  result.read_tokens += pass.packed.tokens;
  for (size_t n = 0; n < pass.packed.targets.size(); ++n) {
    result.mean_entropy += pass.numbers.entropy[n];
    result.token_accuracy += pass.numbers.argmax[n] == pass.packed.targets[n] ? 1 : 0;
  }
}

void finish(BatchResult& result) {
  const double tokens = std::max<double>(1, static_cast<double>(result.trained_tokens));
  result.mean_entropy /= tokens;
  result.token_accuracy /= tokens;
  result.mean_mismatch /= std::max<double>(1, static_cast<double>(result.compared));
}

void FoldedMetrics::add(const std::vector<algo::Metric>& metrics) {
  for (const algo::Metric& metric : metrics) {
    Folded& folded = folded_[metric.name];
    folded.fold = metric.fold;
    for (double value : metric.values) {
      if (folded.count == 0) folded.least = folded.largest = value;
      folded.total += value;
      const double apart = value - folded.mean;  // Welford: the sum of squares around the mean
      folded.mean += apart / (folded.count + 1);
      folded.around += apart * (value - folded.mean);
      folded.least = std::min(folded.least, value);
      folded.largest = std::max(folded.largest, value);
      ++folded.count;
    }
  }
}

std::map<std::string, double> FoldedMetrics::values() const {
  std::map<std::string, double> values;
  for (const auto& [name, f] : folded_) {
    values[name] = f.fold == algo::Fold::Least      ? f.least
                   : f.fold == algo::Fold::Largest  ? f.largest
                   : f.fold == algo::Fold::Variance ? f.around / std::max(f.count - 1, 1.0)
                                                    : f.total / std::max(f.count, 1.0);
  }
  return values;
}

}  // namespace temper::step
