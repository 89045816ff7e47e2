// A micro-batch is read twice where the member's terms hang together over the whole optimizer batch
// (AOT, BCO), once otherwise. Sums are made in float64 in the order of the tokens, so that the same
// weights give the policy and the reference the same sums, bit for bit.
#include "temper/learn/step/preference.h"

#include <algorithm>
#include <cmath>

#include "temper/learn/step/head_pass.h"

namespace temper::step {
namespace {

int64_t size_of(const std::vector<int32_t>& tokens) {
  return static_cast<int64_t>(tokens.size());
}

int64_t rows_of(const Pair& pair) {
  return size_of(pair.prompt) + size_of(pair.chosen) + size_of(pair.rejected);
}

/// The trained tokens of a row without a prompt begin with its second.
int64_t trained(const Pair& pair, const std::vector<int32_t>& answer) {
  return answer.empty() ? 0 : size_of(answer) - (pair.prompt.empty() ? 1 : 0);
}

/// What members see as the answer's length: 0 only where there is none.
int64_t counted(const Pair& pair, const std::vector<int32_t>& answer) {
  return answer.empty() ? 0 : std::max<int64_t>(1, trained(pair, answer));
}

/// log π - log π_ref of each answer.
template <class Visit>
void each_gain(std::span<const algo::PairSums> pairs, Visit visit) {
  for (const algo::PairSums& pair : pairs) {
    if (pair.chosen_tokens > 0) visit(pair.chosen.logp - pair.ref_chosen.logp);
    if (pair.rejected_tokens > 0) visit(pair.rejected.logp - pair.ref_rejected.logp);
  }
}

}  // namespace

/// One micro-batch of whole pairs.
struct PairStepper::Pass {
  std::span<const Pair* const> pairs;
  batch::Packed packed;
  bool prompt;
  HeadPass head;
  const std::vector<float>& logp = head.numbers.logp;

  Pass(PairStepper& stepper, std::span<const Pair* const> given)
      : pairs(given),
        packed(stepper.packed(given)),
        prompt(stepper.loss_.needs_prompt()),
        head(stepper.model_, packed, 1) {
    if (stepper.loss_.needs_evenness()) head.numbers.sum_p2.resize(logp.size());
  }

  /// 2p for the chosen answer of pair p, 2p + 1 for its rejected one.
  size_t id(size_t n) const {
    return static_cast<size_t>(packed.answers[static_cast<size_t>(packed.answer[n])]);
  }
  /// Index among the answer's trained tokens of the token at `n`, negative for the prompt's.
  int64_t place(size_t n) const {
    const Pair& pair = *pairs[id(n) / 2];
    const int64_t before = prompt ? size_of(pair.prompt) : 0;
    return packed.place[n] - before - (pair.prompt.empty() ? 1 : 0);
  }
  bool is_chosen(size_t n) const { return id(n) % 2 == 0; }
  const TokenNumbers& known(size_t n) const {
    const Pair& pair = *pairs[id(n) / 2];
    return is_chosen(n) ? pair.chosen_tokens : pair.rejected_tokens;
  }
  /// log π - log π_ref of the token, where the member asks for the drift.
  double drift(size_t n) const {
    const std::vector<float>& ref = known(n).ref_logp;
    return ref.empty() ? 0 : double{logp[n]} - double{ref.at(static_cast<size_t>(place(n)))};
  }

  /// The pairs' sums, with the reference's beside them.
  std::vector<algo::PairSums> sums() const {
    std::vector<algo::PairSums> all(pairs.size());
    for (size_t p = 0; p < all.size(); ++p) {
      const Pair& pair = *pairs[p];
      all[p].chosen_tokens = counted(pair, pair.chosen);
      all[p].rejected_tokens = counted(pair, pair.rejected);
      all[p].whole_tokens = size_of(pair.prompt) + size_of(pair.chosen) - 1;
      all[p].ref_chosen = pair.ref_chosen;
      all[p].ref_rejected = pair.ref_rejected;
      all[p].win = pair.win;
    }
    for (size_t n = 0; n < logp.size(); ++n) {
      algo::PairSums& pair = all[id(n) / 2];
      algo::AnswerSums& sums = is_chosen(n) ? pair.chosen : pair.rejected;
      sums.whole += logp[n];
      if (place(n) < 0) continue;
      sums.logp += logp[n];
      sums.drift += drift(n) * logp[n];
      if (place(n) < std::min(pair.chosen_tokens, pair.rejected_tokens)) sums.shared += logp[n];
      if (head.numbers.sum_p2.empty()) continue;
      sums.evenness += double{logp[n]} - std::log(double{head.numbers.sum_p2[n]});
    }
    for (algo::PairSums& pair : all) {
      pair.chosen.evenness /= static_cast<double>(std::max<int64_t>(1, pair.chosen_tokens));
      pair.rejected.evenness /= static_cast<double>(std::max<int64_t>(1, pair.rejected_tokens));
    }
    return all;
  }

  /// ∂loss/∂logp of the tokens from the slopes of their sums.
  void backward(model::Activations& activations, std::span<const algo::PairSums> slopes) {
    std::vector<float> d_logp(logp.size());
    for (size_t n = 0; n < d_logp.size(); ++n) {
      const size_t p = id(n) / 2;
      const algo::AnswerSums& slope = is_chosen(n) ? slopes[p].chosen : slopes[p].rejected;
      const int64_t shared =
          std::min(trained(*pairs[p], pairs[p]->chosen), trained(*pairs[p], pairs[p]->rejected));
      double d = slope.whole;
      if (place(n) >= 0) {
        d += slope.logp + slope.drift * drift(n) + (place(n) < shared ? slope.shared : 0);
      }
      d_logp[n] = static_cast<float>(d);
    }
    head.backward(activations, {.logp = d_logp.data()});
  }

  void count(PairResult& result) const {
    result.read_tokens += packed.tokens;
    for (size_t n = 0; n < logp.size(); ++n) {
      if (is_chosen(n)) result.nll -= logp[n];
      if (place(n) < 0) continue;
      ++result.trained_tokens;
      result.mean_entropy += head.numbers.entropy[n];
      if (is_chosen(n) && head.numbers.argmax[n] == packed.targets[n]) ++result.token_accuracy;
    }
  }
};

namespace {

/// The counts of a batch, before any of it is read.
algo::PairDenominators denominators(std::span<const Pair* const> pairs) {
  algo::PairDenominators whole{.pairs = static_cast<int64_t>(pairs.size())};
  for (const Pair* pair : pairs) {
    whole.chosen_tokens += trained(*pair, pair->chosen);
    whole.whole_tokens += size_of(pair->prompt) + size_of(pair->chosen) - 1;
  }
  return whole;
}

/// Gathers what micro-batches gave into the batch's result.
class Gathered {
 public:
  void add(const algo::PairSlopes& part) {
    result.loss += part.loss;
    metrics_.add(part.metrics);
  }
  PairResult take(const algo::PairDenominators& whole, bool prompt) {
    result.metrics = metrics_.values();
    const auto chosen = result.metrics.find("rewards/chosen"),
               rejected = result.metrics.find("rewards/rejected");
    if (chosen != result.metrics.end() && rejected != result.metrics.end()) {
      result.metrics.try_emplace("rewards/margins", chosen->second - rejected->second);
    }
    result.mean_entropy /= std::max<double>(1, static_cast<double>(result.trained_tokens));
    result.token_accuracy /= std::max<double>(1, static_cast<double>(whole.chosen_tokens));
    const int64_t read = prompt ? whole.whole_tokens : whole.chosen_tokens;
    result.nll /= std::max<double>(1, static_cast<double>(read));
    return std::move(result);
  }
  PairResult result;

 private:
  FoldedMetrics metrics_;
};

}  // namespace

std::vector<std::span<const Pair* const>> PairStepper::micro_batches(
    std::span<const Pair* const> pairs) const {
  std::vector<int64_t> costs;
  for (const Pair* pair : pairs) costs.push_back(rows_of(*pair));
  std::vector<std::span<const Pair* const>> parts;
  for (size_t size : batch::runs(costs, budget_tokens_)) {
    parts.push_back(pairs.first(size));
    pairs = pairs.subspan(size);
  }
  return parts;
}

/// The answers of a pair stand behind one copy of their prompt; where the prompt is trained, the
/// chosen answer has it in front.
batch::Packed PairStepper::packed(std::span<const Pair* const> pairs) const {
  const bool whole = loss_.needs_prompt();
  std::vector<batch::Group> groups;
  int64_t id = 0;
  for (const Pair* pair : pairs) {
    groups.push_back({.prompt = whole ? std::vector<int32_t>() : pair->prompt, .answers = {}});
    for (const std::vector<int32_t>* answer : {&pair->chosen, &pair->rejected}) {
      const int64_t own = id++;
      if (answer->empty()) continue;
      std::vector<int32_t> tokens = whole ? pair->prompt : std::vector<int32_t>();
      std::vector<uint8_t> flags(tokens.size(), answer == &pair->chosen ? 1 : 0);
      tokens.insert(tokens.end(), answer->begin(), answer->end());
      flags.resize(tokens.size(), 1);
      groups.back().answers.push_back({std::move(tokens), std::move(flags), own});
    }
  }
  return batch::pack_all(groups);
}

/// What the model says of all pairs, nothing kept.
std::vector<algo::PairSums> PairStepper::read(std::span<const Pair* const> pairs,
                                              PairResult* counts) {
  std::vector<algo::PairSums> sums;
  for (const auto& part : micro_batches(pairs)) {
    Pass pass(*this, part);
    pass.head.infer();
    if (counts != nullptr) pass.count(*counts);
    const std::vector<algo::PairSums> some = pass.sums();
    sums.insert(sums.end(), some.begin(), some.end());
  }
  return sums;
}

double PairStepper::mean_gain(std::span<const Pair* const> pairs) {
  double total = 0;
  each_gain(read(pairs, nullptr), [&](double gain) { total += gain; });
  return pairs.empty() ? 0 : total / static_cast<double>(pairs.size());
}

PairResult PairStepper::train(std::span<const Pair* const> pairs,
                              std::span<const Pair* const> mismatched) {
  const auto parts = micro_batches(pairs);
  const algo::PairDenominators whole = denominators(pairs);
  algo::BatchMeans means{.mismatched = mean_gain(mismatched)};
  auto slopes = [&](const std::vector<algo::PairSums>& sums) {
    if (loss_.needs_running()) {
      each_gain(sums, [&](double gain) { running_.add(gain); });
      means.running = running_.mean();
    }
    return algo::slopes(loss_, sums, whole, means);
  };
  Gathered gathered;
  std::vector<algo::PairSums> ahead;  // slopes of the whole batch
  if (loss_.needs_whole_batch() && parts.size() > 1) {
    algo::PairSlopes all = slopes(read(pairs, nullptr));
    gathered.add(all);
    ahead = std::move(all.slopes);
  }
  size_t done = 0;
  for (const auto& part : parts) {
    Pass pass(*this, part);
    pass.head.forward(activations_);
    pass.count(gathered.result);
    compare(pass, &TokenNumbers::behaviour, gathered.result.mismatch);
    if (ahead.empty()) {
      const algo::PairSlopes own = slopes(pass.sums());
      gathered.add(own);
      pass.backward(activations_, own.slopes);
    } else {
      pass.backward(activations_, std::span(ahead).subspan(done, part.size()));
    }
    done += part.size();
  }
  return gathered.take(whole, loss_.needs_prompt());
}

PairResult PairStepper::evaluate(std::span<const Pair* const> pairs,
                                 std::span<const Pair* const> mismatched) {
  const algo::PairDenominators whole = denominators(pairs);
  const algo::BatchMeans means{.mismatched = mean_gain(mismatched), .running = running_.mean()};
  Gathered gathered;
  gathered.add(algo::slopes(loss_, read(pairs, &gathered.result), whole, means));
  return gathered.take(whole, loss_.needs_prompt());
}

Mismatch PairStepper::reference(std::span<Pair* const> pairs) {
  const std::vector<const Pair*> fixed(pairs.begin(), pairs.end());
  Mismatch mismatch;
  for (const auto& part : micro_batches(fixed)) {
    Pass pass(*this, part);
    pass.head.infer();
    compare(pass, &TokenNumbers::ref_behaviour, mismatch);
    const std::vector<algo::PairSums> sums = pass.sums();
    for (size_t p = 0; p < part.size(); ++p) {
      pairs[p]->ref_chosen = sums[p].chosen;
      pairs[p]->ref_rejected = sums[p].rejected;
      pairs[p]->chosen_tokens.ref_logp.clear();
      pairs[p]->rejected_tokens.ref_logp.clear();
    }
    for (size_t n = 0; loss_.needs_drift() && n < pass.logp.size(); ++n) {
      Pair& pair = *pairs[pass.id(n) / 2];
      TokenNumbers& known = pass.is_chosen(n) ? pair.chosen_tokens : pair.rejected_tokens;
      if (pass.place(n) >= 0) known.ref_logp.push_back(pass.logp[n]);
    }
    pairs = pairs.subspan(part.size());
  }
  return mismatch;
}

void PairStepper::compare(const Pass& pass, std::vector<float> TokenNumbers::*sampled,
                          Mismatch& mismatch) const {
  const bool any = std::any_of(pass.pairs.begin(), pass.pairs.end(), [&](const Pair* pair) {
    return !(pair->chosen_tokens.*sampled).empty() || !(pair->rejected_tokens.*sampled).empty();
  });
  if (!any) return;
  const std::vector<float> logp = pass.head.logp_at(temperature_);
  for (size_t n = 0; n < logp.size(); ++n) {
    const std::vector<float>& given = pass.known(n).*sampled;
    if (given.empty() || pass.place(n) < 0) continue;
    mismatch.add(std::abs(double{given.at(static_cast<size_t>(pass.place(n)))} - double{logp[n]}));
  }
}

void Mismatch::add(double gap) {
  if (!std::isnan(largest) && !(gap <= largest)) largest = gap;
  total += gap;
  ++compared;
}

}  // namespace temper::step
