// REINFORCE++ (arXiv 2501.03262), as verl 0.9.1 has it: the advantages are whitened over all tokens
// of the batch, and the term is PPO's. With an answer's reward at its last token and no discount,
// every token of answer i has the return R_i:
//
//   R_i = r_i, or r_i - mean r of its group (baseline: group, "REINFORCE++ with baseline")
//   A_i = (R_i - m) / √(s² + 1e-8), m and s² of R over the tokens of all scored answers; s² with n
//   - 1 L_it = -min(min(ρ, δ) A_i, clip(ρ, 1-ε, 1+ε_high) A_i),  ρ = e^(log π - log π_old)
//
// divided by tokens. δ is verl's clip_ratio_c. A KL in the rewards of single tokens, which the
// paper allows, is not an option here: an answer has one advantage.
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::reinforce_pp {
struct Options {
  double epsilon = 0.2;
  std::optional<double> epsilon_high{}, delta{};
  std::string baseline = "none";
};
void describe(config::Fields<Options>& f) {
  f.add("epsilon", &Options::epsilon, "how far ρ may fall below 1 before it stops paying")
      .within(0, 1);
  f.add("epsilon_high", &Options::epsilon_high, "the same above 1; unset: epsilon").at_least(0);
  f.add("delta", &Options::delta, "upper bound of ρ where the advantage is negative too").above(0);
  f.add("baseline", &Options::baseline, "subtracted before the batch's statistics are taken")
      .choices({"none", "group"});
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  std::vector<double> all(g.rewards.size(), 0.0);
  if (o.baseline == "group") {
    all = centred(g, scored_answers(g));
  } else {
    for (size_t i = 0; i < all.size(); ++i) all[i] = g.scored[i] ? g.rewards[i] : 0;
  }
  whiten(all, scored_tokens(g));
  for (size_t i = 0; i < all.size(); ++i) {
    if (!(g.lengths[i] > 0)) all[i] = 0;  // no token to move
  }
  return all;
}

Terms loss(const Tokens& t, const Options& o) {
  const Bounds bounds{
      .low = 1 - o.epsilon, .high = 1 + o.epsilon_high.value_or(o.epsilon), .most = o.delta};
  const at::Tensor rho = importance(t, Level::Token);  // [N]
  return {.value = clipped(rho, t, bounds),
          .per = Per::Token,
          .constant = 1,
          .metrics = clip_metrics(rho, t, bounds, Level::Token)};
}

extern const Policy entry = policy<Options>(
    loss, advantages, describe,
    {.summary = "rewards whitened over the batch, PPO's clip, no critic (arXiv 2501.03262)",
     .against = Against::Batch});
}  // namespace temper::algo::reinforce_pp
