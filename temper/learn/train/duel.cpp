#include "temper/learn/train/duel.h"

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::train {
namespace {

using algo::Pairing;

bool ended(const chat::Completion& completion) {
  return completion.finish == chat::Finish::Stop;
}

/// Means, made of sums.
struct Sums {
  double own = 0, other = 0, better = 0, worse = 0;
  double own_ended = 0, other_ended = 0;
};

Figures figures_of(const Sums& sums, const Duels& duels, size_t prompts, Pairing pairing) {
  const double pairs = std::max<double>(1, static_cast<double>(duels.pairs.size()));
  const auto all = static_cast<double>(prompts);
  Figures figures;
  if (pairing == Pairing::TwoOwn) {
    figures = {{"objective/scores", (sums.own + sums.other) / (2 * pairs)},
               {"objective/scores_margin", (sums.better - sums.worse) / pairs},
               {"val/contain_eos_token", (sums.own_ended + sums.other_ended) / (2 * all)}};
  } else {
    const bool ranked = pairing == Pairing::OwnAndReference;
    figures = {{ranked ? "objective/model_scores" : "rewards/chosen", sums.own / pairs},
               {ranked ? "objective/ref_scores" : "rewards/rejected", sums.other / pairs},
               {"objective/scores_margin", (sums.own - sums.other) / pairs},
               {"val/model_contain_eos_token", sums.own_ended / all},
               {"val/ref_contain_eos_token", sums.other_ended / all}};
  }
  figures.push_back({"frac_pairs_tied", static_cast<double>(duels.tied) / all});
  figures.push_back({"frac_pairs_unscored", static_cast<double>(duels.unscored) / all});
  return figures;
}

double win_of(double own, double other, bool graded) {
  if (graded) return 1 / (1 + std::exp(other - own));
  return own > other ? 1 : own < other ? 0 : 0.5;
}

/// The pair whose chosen answer is `first`.
step::Pair pair_of(const evaluate::Rollout& rollout, Pairing pairing, size_t first) {
  const std::vector<chat::Completion>& said = rollout.completions;
  auto numbers = [&](size_t answer) -> step::TokenNumbers {
    if (answer == 1 && pairing == Pairing::OwnAndReference) return {.ref_behaviour = said[1].logp};
    return {.behaviour = said[answer].logp};
  };
  step::Pair pair{.prompt = rollout.prompt, .chosen = said[first].tokens, .rejected = {}};
  pair.chosen_tokens = numbers(first);
  if (pairing == Pairing::OwnAndMixture) return pair;  // the opponent's answer is not learned from
  pair.rejected = said[1 - first].tokens;
  pair.rejected_tokens = numbers(1 - first);
  return pair;
}

}  // namespace

Duels duels(const std::vector<evaluate::Rollout>& rollouts, const DuelOptions& options) {
  Duels all;
  Sums sums;
  const bool ranked = options.pairing != Pairing::OwnAndMixture;
  for (const evaluate::Rollout& rollout : rollouts) {
    ASSERT(rollout.completions.size() == 2, "two answers to a prompt");
    const chat::Completion &own = rollout.completions[0], &other = rollout.completions[1];
    sums.own_ended += ended(own) ? 1 : 0;
    sums.other_ended += ended(other) ? 1 : 0;
    all.chosen.push_back(-1);
    const bool scored =
        std::all_of(rollout.verdicts.begin(), rollout.verdicts.end(),
                    [](const auto& verdict) { return verdict.outcome == reward::Outcome::Scored; });
    if (!scored) {
      ++all.unscored;
      continue;
    }
    auto score = [&](size_t answer) {
      const double missing = ended(rollout.completions[answer]) ? 0 : options.missing_eos_penalty;
      return rollout.verdicts[answer].reward - missing;
    };
    const double a = score(0), b = score(1);
    const bool tied = a == b || own.tokens == other.tokens;
    all.tied += tied ? 1 : 0;
    if (ranked && tied) continue;
    const size_t first = ranked && b > a ? 1 : 0;
    all.chosen.back() = static_cast<int>(first);
    all.pairs.push_back(pair_of(rollout, options.pairing, first));
    all.pairs.back().win = ranked ? 1 - static_cast<double>(first) : win_of(a, b, options.graded);
    sums.own += a;
    sums.other += b;
    sums.better += std::max(a, b);
    sums.worse += std::min(a, b);
  }
  all.figures = figures_of(sums, all, rollouts.size(), options.pairing);
  return all;
}

}  // namespace temper::train
