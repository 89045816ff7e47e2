// GRPO: Shao et al. 2024 (arXiv 2402.03300), eqs. 3 and 4, with the options and defaults of TRL
// 1.16. One term per token t of answer i of a group:
//
//   L_it = -min(min(ρ, δ) A_i, clip(ρ, 1-ε, 1+ε_high) A_i) + β ρ k3(log π, log π_ref)
//   A_i = (r_i - mean r) / (std r + 1e-4), over the group's scored answers; std with n - 1
//   ρ = e^(log π - log π_old) of the token, or e^mean_t(…) of its answer (GSPO, arXiv 2507.18071)
//
// The loop divides as `loss_type` says: over tokens (dapo, arXiv 2503.14476; bnpo), over an
// answer's tokens and then answers (grpo), by a constant length (dr_grpo, arXiv 2503.20783).
// Departures: the paper's KL has no factor ρ (use_bias_correction_kl: false); bnpo here never sees
// a micro-batch, so it is dapo.
#include "temper/learn/algo/policy.h"

#include <cmath>
#include <optional>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/kl.h"
namespace temper::algo::grpo {
struct Options {
  double epsilon = 0.2, beta = 0.0;
  std::optional<double> epsilon_high, delta, loss_constant;
  std::string loss_type = "dapo", importance_sampling_level = "token", scale_rewards = "group";
  bool use_bias_correction_kl = true;
};
void describe(config::Fields<Options>& f) {
  f.add("epsilon", &Options::epsilon, "how far ρ may fall below 1 before it stops paying")
      .within(0, 1);
  f.add("epsilon_high", &Options::epsilon_high, "the same above 1; unset: epsilon").at_least(0);
  f.add("delta", &Options::delta, "upper bound of ρ where the advantage is negative too").above(0);
  f.add("beta", &Options::beta, "price of one nat away from the reference; 0 needs no reference")
      .at_least(0);
  f.add("loss_type", &Options::loss_type, "what the loss is averaged over")
      .choices({"dapo", "grpo", "bnpo", "dr_grpo"});
  f.add("loss_constant", &Options::loss_constant,
        "length by which dr_grpo divides; unset: max_completion_length")
      .above(0);
  f.add("importance_sampling_level", &Options::importance_sampling_level,
        "one ρ a token, or one an answer (GSPO)")
      .choices({"token", "sequence"});
  f.add("scale_rewards", &Options::scale_rewards, "whose std divides the centred rewards")
      .choices({"group", "batch", "none"});
  f.add("use_bias_correction_kl", &Options::use_bias_correction_kl,
        "multiply the KL term by ρ, which makes its gradient that of KL(π ‖ π_ref)");
}

struct Spread {
  double mean = 0, std = 0;
};
/// Of the scored rewards among the `count` from `begin`; both 0 if none is.
Spread spread(const GroupRewards& g, int64_t begin, int64_t count) {
  std::vector<double> scored;
  for (int64_t i = begin; i < begin + count; ++i) {
    if (g.scored[i]) scored.push_back(g.rewards[i]);
  }
  if (scored.empty()) return {};
  const auto n = static_cast<double>(scored.size());
  double above = 0,
         squares = 0;  // differences from the first: equal rewards are centred to 0 exactly
  for (double r : scored) above += r - scored[0];
  const double mean = scored[0] + above / n;
  for (double r : scored) squares += (r - mean) * (r - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  std::vector<double> all(g.rewards.size(), 0.0);
  const Spread batch = spread(g, 0, g.prompts * g.samples);
  for (int64_t begin = 0; begin < g.prompts * g.samples; begin += g.samples) {
    const Spread group = spread(g, begin, g.samples);
    const double std = o.scale_rewards == "batch" ? batch.std : group.std;
    const double scale = o.scale_rewards == "none" ? 1 : std + 1e-4;
    for (int64_t i = begin; i < begin + g.samples; ++i) {
      if (g.scored[i]) all[i] = (g.rewards[i] - group.mean) / scale;
    }
  }
  return all;
}

Per unit(const Options& o) {
  if (o.loss_type == "grpo") return Per::AnswerMean;
  return o.loss_type == "dr_grpo" ? Per::Constant : Per::Token;
}

double constant(const Tokens& t, const Options& o) {
  if (o.loss_type != "dr_grpo") return 1;
  ASSERT(o.loss_constant || t.max_completion_length > 0, "the loop sets max_completion_length");
  return o.loss_constant.value_or(static_cast<double>(t.max_completion_length));
}

/// The share of each answer's tokens that are flagged; answers without tokens have none.
Metric of_answers(const char* name, const at::Tensor& flags, const Tokens& t, Fold fold) {
  Metric all = metric(name, answer_mean(flags, t));
  const Metric counted = metric(name, answer_mean(at::ones_like(flags), t));
  Metric kept{name, {}, fold};
  for (size_t i = 0; i < all.values.size(); ++i) {
    if (counted.values[i] > 0) kept.values.push_back(all.values[i]);
  }
  return kept;
}

Terms loss(const Tokens& t, const Options& o) {
  const bool by_answer = o.importance_sampling_level == "sequence";
  const double low = 1 - o.epsilon, high = 1 + o.epsilon_high.value_or(o.epsilon);
  at::Tensor log_ratio = t.logp - t.old_logp;  // [N]
  if (by_answer) log_ratio = at::index_select(answer_mean(log_ratio, t), 0, t.answer);
  const at::Tensor rho = ratio(log_ratio);                                  // [N]
  const at::Tensor held = at::clamp(rho, low, high);                        // [N]
  const at::Tensor free = o.delta ? at::clamp_max(rho, *o.delta) : rho;     // [N]
  at::Tensor value = -at::minimum(free * t.advantage, held * t.advantage);  // [N]

  const at::Tensor below = (free < low) & (t.advantage < 0);   // [N]
  const at::Tensor above = (free > high) & (t.advantage > 0);  // [N]
  const at::Tensor low_clipped = below.to(at::kDouble), high_clipped = above.to(at::kDouble);
  auto share = [&](const char* name, const at::Tensor& flags) {
    return metric(name, by_answer ? answer_mean(flags, t) : flags);
  };
  std::vector<Metric> metrics = {share("clip_ratio/low_mean", low_clipped),
                                 share("clip_ratio/high_mean", high_clipped),
                                 share("clip_ratio/region_mean", low_clipped + high_clipped),
                                 of_answers("clip_ratio/low_min", low_clipped, t, Fold::Least),
                                 of_answers("clip_ratio/high_max", high_clipped, t, Fold::Largest)};
  if (o.beta > 0) {
    at::Tensor away = kl::k3(t.logp, t.ref_logp);  // [N]
    if (o.use_bias_correction_kl) away = away * rho;
    value = value + o.beta * away;
    metrics.push_back(metric("kl", away));
  }
  return {.value = value, .per = unit(o), .constant = constant(t, o), .metrics = metrics};
}

extern const Policy entry =
    policy<Options>(loss, advantages, describe,
                    {.summary = "reward each answer against its group's mean (arXiv 2402.03300)",
                     .group_at_least = 2,
                     .reference = [](const Options& o) { return o.beta > 0; }});
}  // namespace temper::algo::grpo
