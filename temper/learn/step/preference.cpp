// A micro-batch is read twice where the member's terms hang together over the whole optimizer batch
// (AOT), once otherwise. Sums are made in float64 in the order of the tokens, so that the same
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
  return size_of(answer) - (pair.prompt.empty() ? 1 : 0);
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

  /// Index among the answer's trained tokens of the token at `n`, negative for the prompt's.
  int64_t place(size_t n) const {
    const Pair& pair = *pairs[static_cast<size_t>(packed.answer[n]) / 2];
    const int64_t before = prompt ? size_of(pair.prompt) : 0;
    return packed.place[n] - before - (pair.prompt.empty() ? 1 : 0);
  }
  bool is_chosen(size_t n) const { return packed.answer[n] % 2 == 0; }

  /// The pairs' sums, with the reference's beside them.
  std::vector<algo::PairSums> sums() const {
    std::vector<algo::PairSums> all(pairs.size());
    for (size_t p = 0; p < all.size(); ++p) {
      const Pair& pair = *pairs[p];
      all[p].chosen_tokens = std::max<int64_t>(1, trained(pair, pair.chosen));
      all[p].rejected_tokens = std::max<int64_t>(1, trained(pair, pair.rejected));
      all[p].whole_tokens = size_of(pair.prompt) + size_of(pair.chosen) - 1;
      all[p].ref_chosen = pair.ref_chosen;
      all[p].ref_rejected = pair.ref_rejected;
    }
    for (size_t n = 0; n < logp.size(); ++n) {
      algo::PairSums& pair = all[static_cast<size_t>(packed.answer[n]) / 2];
      algo::AnswerSums& sums = is_chosen(n) ? pair.chosen : pair.rejected;
      sums.whole += logp[n];
      if (place(n) < 0) continue;
      sums.logp += logp[n];
      if (place(n) < std::min(pair.chosen_tokens, pair.rejected_tokens)) sums.shared += logp[n];
      if (head.numbers.sum_p2.empty()) continue;
      sums.evenness += double{logp[n]} - std::log(double{head.numbers.sum_p2[n]});
    }
    for (algo::PairSums& pair : all) {
      pair.chosen.evenness /= static_cast<double>(pair.chosen_tokens);
      pair.rejected.evenness /= static_cast<double>(pair.rejected_tokens);
    }
    return all;
  }

  /// ∂loss/∂logp of the tokens from the slopes of their sums.
  void backward(model::Activations& activations, std::span<const algo::PairSums> slopes) {
    std::vector<float> d_logp(logp.size());
    for (size_t n = 0; n < d_logp.size(); ++n) {
      const size_t p = static_cast<size_t>(packed.answer[n]) / 2;
      const algo::AnswerSums& slope = is_chosen(n) ? slopes[p].chosen : slopes[p].rejected;
      const int64_t shared =
          std::min(trained(*pairs[p], pairs[p]->chosen), trained(*pairs[p], pairs[p]->rejected));
      double d = slope.whole;
      if (place(n) >= 0) d += slope.logp + (place(n) < shared ? slope.shared : 0);
      d_logp[n] = static_cast<float>(d);
    }
    head.backward(activations, d_logp.data(), nullptr);
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
  std::vector<std::span<const Pair* const>> parts;
  size_t begin = 0;
  int64_t used = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i > begin && used + rows_of(*pairs[i]) > budget_tokens_) {
      parts.push_back(pairs.subspan(begin, i - begin));
      begin = i;
      used = 0;
    }
    used += rows_of(*pairs[i]);
  }
  if (begin < pairs.size()) parts.push_back(pairs.subspan(begin));
  return parts;
}

/// Answers 2p and 2p + 1 are the chosen and the rejected one of pair p, behind one copy of their
/// prompt; where the prompt is trained, the chosen answer has it in front.
batch::Packed PairStepper::packed(std::span<const Pair* const> pairs) const {
  const bool whole = loss_.needs_prompt();
  std::vector<batch::Group> groups;
  for (const Pair* pair : pairs) {
    groups.push_back({.prompt = whole ? std::vector<int32_t>() : pair->prompt, .answers = {}});
    for (const std::vector<int32_t>* answer : {&pair->chosen, &pair->rejected}) {
      std::vector<int32_t> tokens = whole ? pair->prompt : std::vector<int32_t>();
      std::vector<uint8_t> flags(tokens.size(), answer == &pair->chosen ? 1 : 0);
      tokens.insert(tokens.end(), answer->begin(), answer->end());
      flags.resize(tokens.size(), 1);
      groups.back().answers.push_back({std::move(tokens), std::move(flags), 0});
    }
  }
  return batch::pack_all(groups);
}

PairResult PairStepper::train(std::span<const Pair* const> pairs) {
  const auto parts = micro_batches(pairs);
  const algo::PairDenominators whole = denominators(pairs);
  Gathered gathered;
  std::vector<algo::PairSums> ahead;  // slopes of the whole batch
  if (loss_.needs_whole_batch() && parts.size() > 1) {
    std::vector<algo::PairSums> sums;
    for (const auto& part : parts) {
      Pass pass(*this, part);
      pass.head.infer();
      const std::vector<algo::PairSums> some = pass.sums();
      sums.insert(sums.end(), some.begin(), some.end());
    }
    algo::PairSlopes all = algo::slopes(loss_, sums, whole);
    gathered.add(all);
    ahead = std::move(all.slopes);
  }
  size_t done = 0;
  for (const auto& part : parts) {
    Pass pass(*this, part);
    pass.head.forward(activations_);
    pass.count(gathered.result);
    if (ahead.empty()) {
      const algo::PairSlopes own = algo::slopes(loss_, pass.sums(), whole);
      gathered.add(own);
      pass.backward(activations_, own.slopes);
    } else {
      pass.backward(activations_, std::span(ahead).subspan(done, part.size()));
    }
    done += part.size();
  }
  return gathered.take(whole, loss_.needs_prompt());
}

PairResult PairStepper::evaluate(std::span<const Pair* const> pairs) {
  const algo::PairDenominators whole = denominators(pairs);
  Gathered gathered;
  std::vector<algo::PairSums> sums;
  for (const auto& part : micro_batches(pairs)) {
    Pass pass(*this, part);
    pass.head.infer();
    pass.count(gathered.result);
    const std::vector<algo::PairSums> some = pass.sums();
    sums.insert(sums.end(), some.begin(), some.end());
  }
  gathered.add(algo::slopes(loss_, sums, whole));
  return gathered.take(whole, loss_.needs_prompt());
}

void PairStepper::reference(std::span<Pair* const> pairs) {
  const std::vector<const Pair*> fixed(pairs.begin(), pairs.end());
  size_t done = 0;
  for (const auto& part : micro_batches(fixed)) {
    Pass pass(*this, part);
    pass.head.infer();
    for (const algo::PairSums& sums : pass.sums()) {
      pairs[done]->ref_chosen = sums.chosen;
      pairs[done++]->ref_rejected = sums.rejected;
    }
  }
}

}  // namespace temper::step
