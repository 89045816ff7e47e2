// Two judged answers to a prompt become a pair: which of them is chosen, or how likely the policy's
// own is to win, and what the log says of it.
#pragma once

#include <cstdint>
#include <vector>

#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/step/preference.h"
#include "temper/learn/train/run.h"

namespace temper::train {

struct DuelOptions {
  algo::Pairing pairing = algo::Pairing::TwoOwn;
  double missing_eos_penalty = 0;  ///< what an answer that did not end loses of its score
  /// The scores are a reward model's, so that P(first wins) = σ(difference); otherwise it is 1, ½
  /// or 0.
  bool graded = false;
};

/// The pairs of a step, and what became of its other prompts.
struct Duels {
  std::vector<step::Pair> pairs;
  int64_t tied = 0;      ///< equal scores, or the same answer twice: no preference
  int64_t unscored = 0;  ///< an answer could not be judged
  /// A rollout each: the index of the chosen answer; -1 where its prompt gave no pair.
  std::vector<int> chosen;
  /// objective/scores … as TRL names them, over the pairs; val/… over all answers;
  /// frac_pairs_{tied,unscored} over prompts.
  Figures figures;
};

/// `rollouts` have two answers each, the policy's own first.
Duels duels(const std::vector<evaluate::Rollout>& rollouts, const DuelOptions& options);

}  // namespace temper::train
