// From sums to tensors and back: the one division of the preference family.
#include "temper/learn/algo/preference.h"

#include <algorithm>
#include <cmath>

#include "temper/engine/tensor/single_thread.h"
#include "temper/foundation/error/error.h"

namespace temper::algo {
namespace {

Side side(std::span<const PairSums> pairs, AnswerSums PairSums::*own, AnswerSums PairSums::*ref,
          int64_t PairSums::*tokens) {
  auto column = [&](auto number) {  // of every answer that there is
    std::vector<double> values;
    values.reserve(pairs.size());
    for (const PairSums& pair : pairs) {
      if (pair.*tokens > 0) values.push_back(static_cast<double>(number(pair)));
    }
    return at::tensor(values, at::kDouble);
  };
  auto sums = [&](AnswerSums PairSums::*of, double AnswerSums::*which) {
    return column([=](const PairSums& pair) { return pair.*of.*which; });
  };
  return {.logp = sums(own, &AnswerSums::logp).set_requires_grad(true),
          .shared = sums(own, &AnswerSums::shared).set_requires_grad(true),
          .whole = sums(own, &AnswerSums::whole).set_requires_grad(true),
          .drift = sums(own, &AnswerSums::drift).set_requires_grad(true),
          .evenness = sums(own, &AnswerSums::evenness),
          .ref_logp = sums(ref, &AnswerSums::logp),
          .ref_shared = sums(ref, &AnswerSums::shared),
          .tokens = column([=](const PairSums& pair) { return pair.*tokens; })};
}

double at_least_one(int64_t count) {
  return static_cast<double>(std::max<int64_t>(count, 1));
}

std::vector<double> grad(const at::Tensor& leaf) {
  const at::Tensor& grad = leaf.grad();
  if (!grad.defined()) return std::vector<double>(static_cast<size_t>(leaf.numel()), 0.0);
  return metric("", grad).values;
}

void fill(std::vector<PairSums>& slopes, std::span<const PairSums> pairs, AnswerSums PairSums::*own,
          int64_t PairSums::*tokens, const Side& side) {
  const std::vector<double> logp = grad(side.logp), shared = grad(side.shared),
                            whole = grad(side.whole), drift = grad(side.drift);
  size_t i = 0;
  for (size_t p = 0; p < slopes.size(); ++p) {
    if (pairs[p].*tokens == 0) continue;
    slopes[p].*own = {.logp = logp[i], .shared = shared[i], .whole = whole[i], .drift = drift[i]};
    ++i;
  }
}

/// What of the two is there.
std::vector<Metric> sides(const std::string& name, const Both& values) {
  std::vector<Metric> there;
  if (values.chosen.numel() > 0) there.push_back(metric(name + "/chosen", values.chosen));
  if (values.rejected.numel() > 0) there.push_back(metric(name + "/rejected", values.rejected));
  return there;
}

}  // namespace

void RunningMean::add(double value) {
  if (!std::isfinite(value)) return;
  total += value;
  ++count;
}

PairDenominators counted(std::span<const PairSums> pairs) {
  PairDenominators counts{.pairs = static_cast<int64_t>(pairs.size())};
  for (const PairSums& pair : pairs) {
    counts.chosen_tokens += pair.chosen_tokens;
    counts.whole_tokens += pair.whole_tokens;
  }
  return counts;
}

PairSlopes slopes(const PreferenceLoss& loss, std::span<const PairSums> pairs,
                  const PairDenominators& whole, const BatchMeans& means) {
  const tensor::SingleThread one_thread;
  if (pairs.empty()) return {};
  std::vector<double> wins;
  for (const PairSums& pair : pairs) wins.push_back(pair.win);
  const Pairs columns{
      .chosen = side(pairs, &PairSums::chosen, &PairSums::ref_chosen, &PairSums::chosen_tokens),
      .rejected =
          side(pairs, &PairSums::rejected, &PairSums::ref_rejected, &PairSums::rejected_tokens),
      .means = means,
      .win = at::tensor(wins, at::kDouble)};
  PairTerms terms = loss.terms(columns);
  at::Tensor total = at::zeros({}, at::kDouble);
  auto add = [&](const at::Tensor& values, const Side& of, int64_t count) {
    if (!values.defined()) return;
    ASSERT(values.sizes() == of.logp.sizes(), "one term a pair, or an answer");
    total = total + at::sum(values) / at_least_one(count);
  };
  add(terms.pair, columns.chosen, whole.pairs);
  add(terms.desirable, columns.chosen, whole.pairs);
  add(terms.undesirable, columns.rejected, whole.pairs);
  add(terms.chosen, columns.chosen, whole.chosen_tokens);
  add(terms.whole, columns.chosen, whole.whole_tokens);
  total.backward();
  PairSlopes result{.loss = total.item<double>(),
                    .slopes = std::vector<PairSums>(pairs.size()),
                    .metrics = std::move(terms.metrics)};
  fill(result.slopes, pairs, &PairSums::chosen, &PairSums::chosen_tokens, columns.chosen);
  fill(result.slopes, pairs, &PairSums::rejected, &PairSums::rejected_tokens, columns.rejected);
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

std::vector<Metric> answer_metrics(const Both& rewards, const Both& logps) {
  std::vector<Metric> all = sides("rewards", rewards), more = sides("logps", logps);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace temper::algo
