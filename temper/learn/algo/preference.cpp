// From sums to tensors and back: the one division of the preference family.
#include "temper/learn/algo/preference.h"

#include <algorithm>

#include "temper/engine/tensor/single_thread.h"
#include "temper/foundation/error/error.h"

namespace temper::algo {
namespace {

/// One number of every pair.
template <class Number>
at::Tensor column(std::span<const PairSums> pairs, Number number) {
  std::vector<double> values;
  values.reserve(pairs.size());
  for (const PairSums& pair : pairs) values.push_back(static_cast<double>(number(pair)));
  return at::tensor(values, at::kDouble);
}

Side side(std::span<const PairSums> pairs, AnswerSums PairSums::*own, AnswerSums PairSums::*ref,
          int64_t PairSums::*tokens) {
  auto sums = [&](AnswerSums PairSums::*of, double AnswerSums::*which) {
    return column(pairs, [=](const PairSums& pair) { return pair.*of.*which; });
  };
  return {.logp = sums(own, &AnswerSums::logp).set_requires_grad(true),
          .shared = sums(own, &AnswerSums::shared).set_requires_grad(true),
          .whole = sums(own, &AnswerSums::whole).set_requires_grad(true),
          .evenness = sums(own, &AnswerSums::evenness),
          .ref_logp = sums(ref, &AnswerSums::logp),
          .ref_shared = sums(ref, &AnswerSums::shared),
          .tokens = column(pairs, [=](const PairSums& pair) { return pair.*tokens; })};
}

double at_least_one(int64_t count) {
  return static_cast<double>(std::max<int64_t>(count, 1));
}

std::vector<double> grad(const at::Tensor& leaf) {
  const at::Tensor& grad = leaf.grad();
  if (!grad.defined()) return std::vector<double>(static_cast<size_t>(leaf.numel()), 0.0);
  return metric("", grad).values;
}

void fill(std::vector<PairSums>& slopes, AnswerSums PairSums::*own, const Side& side) {
  const std::vector<double> logp = grad(side.logp), shared = grad(side.shared),
                            whole = grad(side.whole);
  for (size_t p = 0; p < slopes.size(); ++p) {
    slopes[p].*own = {.logp = logp[p], .shared = shared[p], .whole = whole[p]};
  }
}

}  // namespace

PairDenominators counted(std::span<const PairSums> pairs) {
  PairDenominators counts{.pairs = static_cast<int64_t>(pairs.size())};
  for (const PairSums& pair : pairs) {
    counts.chosen_tokens += pair.chosen_tokens;
    counts.whole_tokens += pair.whole_tokens;
  }
  return counts;
}

PairSlopes slopes(const PreferenceLoss& loss, std::span<const PairSums> pairs,
                  const PairDenominators& whole) {
  const tensor::SingleThread one_thread;
  if (pairs.empty()) return {};
  const Pairs columns{
      .chosen = side(pairs, &PairSums::chosen, &PairSums::ref_chosen, &PairSums::chosen_tokens),
      .rejected =
          side(pairs, &PairSums::rejected, &PairSums::ref_rejected, &PairSums::rejected_tokens)};
  PairTerms terms = loss.terms(columns);
  at::Tensor total = at::zeros({}, at::kDouble);
  auto add = [&](const at::Tensor& values, int64_t count) {
    if (!values.defined()) return;
    ASSERT(values.sizes() == columns.chosen.logp.sizes(), "one term a pair");
    total = total + at::sum(values) / at_least_one(count);
  };
  add(terms.pair, whole.pairs);
  add(terms.chosen, whole.chosen_tokens);
  add(terms.whole, whole.whole_tokens);
  total.backward();
  PairSlopes result{.loss = total.item<double>(),
                    .slopes = std::vector<PairSums>(pairs.size()),
                    .metrics = std::move(terms.metrics)};
  fill(result.slopes, &PairSums::chosen, columns.chosen);
  fill(result.slopes, &PairSums::rejected, columns.rejected);
  return result;
}

std::vector<Metric> pair_metrics(const Both& rewards, const Both& logps) {
  return {metric("rewards/chosen", rewards.chosen),
          metric("rewards/rejected", rewards.rejected),
          metric("rewards/accuracies", rewards.chosen > rewards.rejected),
          metric("rewards/margins", rewards.chosen - rewards.rejected),
          metric("logps/chosen", logps.chosen),
          metric("logps/rejected", logps.rejected)};
}

}  // namespace temper::algo
