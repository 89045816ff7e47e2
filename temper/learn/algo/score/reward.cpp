// Reward model: Bradley and Terry 1952, as Ouyang et al. 2022 (arXiv 2203.02155), eq. 1, with the
// options and defaults of TRL 1.16's RewardTrainer. One term a pair of answers with the scores r:
//
//   L = -log σ(r_c - r_r - m) + c (r_c + r_r)²       c chosen, r rejected
//
// m is the row's margin (Touvron et al. 2023, arXiv 2307.09288, eq. 2), 0 without one; c is
// center_rewards_coefficient (Eisenstein et al. 2023, arXiv 2312.09244, eq. 2). Departure: least
// and largest reward are those of the whole optimizer batch; TRL's are means over micro-batches.
#include <optional>

#include "temper/learn/algo/score.h"
namespace temper::algo::reward {
struct Options {
  std::optional<double> center_rewards_coefficient;
};
void describe(config::Fields<Options>& f) {
  f.add("center_rewards_coefficient", &Options::center_rewards_coefficient,
        "pull of the rewards' mean towards 0; 0.01 is advised; unset: none")
      .at_least(0);
}

ScoreTerms loss(const Scores& s, const Options& o) {
  const at::Tensor pairs = s.value.reshape({-1, 2});                            // [P, 2]
  const at::Tensor chosen = pairs.select(1, 0), rejected = pairs.select(1, 1);  // [P]
  const at::Tensor gap = chosen - rejected;
  at::Tensor value = -at::log_sigmoid(s.margin.defined() ? gap - s.margin : gap);
  if (o.center_rewards_coefficient) {
    value = value + *o.center_rewards_coefficient * at::pow(chosen + rejected, 2);
  }
  ScoreTerms terms{.value = value,
                   .metrics = {metric("min_reward", s.value), metric("mean_reward", s.value),
                               metric("max_reward", s.value), metric("accuracy", gap > 0),
                               metric("margin", gap)}};
  terms.metrics[0].fold = Fold::Least;
  terms.metrics[2].fold = Fold::Largest;
  return terms;
}

extern const Score entry = score<Options>(
    loss, describe, "score answers so that preferred ones are higher (arXiv 2203.02155)");
}  // namespace temper::algo::reward
