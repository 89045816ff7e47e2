// RLOO: Ahmadian et al. 2024 (arXiv 2402.14740), with the options and defaults of TRL 1.16. One
// term an answer i, whose baseline is the mean of the others in its group:
//
//   R_i = r_i - β Σ_t (log π_old - log π_ref)
//   A_i = R_i - mean_{j≠i} R_j, over the group's scored answers
//   L_i = -min(ρ_i A_i, clip(ρ_i, 1-ε, 1+ε_high) A_i),  ρ_i = e^Σ_t(log π - log π_old)
//
// averaged over answers. The paper takes one step a batch, where ρ = 1 and the gradient is
// -A_i ∇log π(y_i). The exponent of ρ is held to ±40.
#include <utility>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/kl.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::rloo {
struct Options {
  double epsilon = 0.2, beta = 0.05;
  std::optional<double> epsilon_high{};
  bool normalize_advantages = false;
  std::vector<double> reward_clip_range{};
};
void describe(config::Fields<Options>& f) {
  f.add("epsilon", &Options::epsilon, "how far ρ may fall below 1 before it stops paying")
      .within(0, 1);
  f.add("epsilon_high", &Options::epsilon_high, "the same above 1; unset: epsilon").at_least(0);
  f.add("beta", &Options::beta,
        "price in reward of one nat away from the reference; 0 needs no reference")
      .at_least(0);
  f.add("normalize_advantages", &Options::normalize_advantages,
        "subtract the batch's mean from the advantages and divide by its std");
  f.add("reward_clip_range", &Options::reward_clip_range,
        "two numbers that rewards are held between, before the price");
}

/// r less the price of its answer.
GroupRewards shaped(GroupRewards g, const Options& o) {
  hold(g.rewards, o.reward_clip_range);
  ASSERT(o.beta == 0 || !g.log_ratios.empty(), "the loop gives the distance to the reference");
  for (size_t i = 0; o.beta > 0 && i < g.rewards.size(); ++i)
    g.rewards[i] -= o.beta * g.log_ratios[i];
  return g;
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  std::vector<double> all = left_out(shaped(g, o));
  if (o.normalize_advantages) standardise(all, compared_answers(g));
  return all;
}

Terms loss(const Tokens& t, const Options& o) {
  const Bounds bounds{
      .low = 1 - o.epsilon, .high = 1 + o.epsilon_high.value_or(o.epsilon), .most = {}};
  const at::Tensor rho = importance(t, Level::AnswerSum);  // [N]
  std::vector<Metric> metrics = clip_metrics(rho, t, bounds, Level::AnswerSum);
  if (o.beta > 0) metrics.push_back(metric("kl", kl::k1(t.old_logp, t.ref_logp)));
  // Every token of an answer carries the answer's term, so their mean is that term.
  return {.value = clipped(rho, t, bounds),
          .per = Per::AnswerMean,
          .constant = 1,
          .metrics = std::move(metrics)};
}

extern const Policy entry =
    policy<Options>(loss, advantages, describe,
                    {.summary = "reward each answer against the others (arXiv 2402.14740)",
                     .group_at_least = 2,
                     .num_generations = 2,
                     .reference = [](const Options& o) { return o.beta > 0; }});
}  // namespace temper::algo::rloo
