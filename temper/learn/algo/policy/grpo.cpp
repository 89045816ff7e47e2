// GRPO: Shao et al. 2024 (arXiv 2402.03300), eqs. 3 and 4, with the options and defaults of TRL
// 1.16. One term per token t of answer i of a group, sg(·) held fixed:
//
//   A_i = (r_i - mean r) / (std r + 1e-4), over the group's scored answers; std with n - 1
//   ρ = e^(log π - log π_old) of the token, or e^mean_t(…) of its answer (GSPO, arXiv 2507.18071)
//   L_it = ℓ_it + β ρ k3(log π, log π_ref)
//
//   loss_type            ℓ                                              divided by
//   dapo (2503.14476)    -min(min(ρ, δ) A, clip(ρ, 1-ε, 1+ε_high) A)    tokens
//   bnpo                 the same                                       tokens
//   grpo                 the same                                       answer's tokens, answers
//   dr_grpo (2503.20783) the same                                       answers · constant
//   luspo (2602.05261)   the same                                       answers
//   cispo (2506.13585)   -sg(min(ρ, ε_high)) A log π                    tokens
//   sapo (2511.20347)    -(4/τ) σ(τ (ρ - 1)) A, τ by the sign of A      answer's tokens, answers
//   vespo (2602.10693)   -sg(φ) A log π                                 tokens
//
// with φ = e^λ w^k e^(-λw), w = e^Σ_t(log π - log π_old), k and λ by the sign of A.
//
// Departures: the paper's KL has no factor ρ (use_bias_correction_kl: false); bnpo here never sees
// a micro-batch, so it is dapo; cispo's cap is 5 unless epsilon_high is given (TRL's is then
// epsilon, 0.2, below every ρ near 1).
#include "temper/learn/algo/policy/grpo.h"

#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/kl.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::grpo {

void describe(config::Fields<Options>& f) {
  f.add("epsilon", &Options::epsilon, "how far ρ may fall below 1 before it stops paying")
      .within(0, 1);
  f.add("epsilon_high", &Options::epsilon_high,
        "the same above 1; unset: epsilon. cispo: the largest ρ; unset: 5")
      .at_least(0);
  f.add("delta", &Options::delta, "upper bound of ρ where the advantage is negative too").above(0);
  f.add("beta", &Options::beta, "price of one nat away from the reference; 0 needs no reference")
      .at_least(0);
  f.add("loss_type", &Options::loss_type, "the term of a token, and what it is averaged over")
      .choices({"dapo", "grpo", "bnpo", "dr_grpo", "luspo", "cispo", "sapo", "vespo"});
  f.add("loss_constant", &Options::loss_constant,
        "length by which dr_grpo divides; unset: max_completion_length")
      .above(0);
  f.add("importance_sampling_level", &Options::importance_sampling_level,
        "one ρ a token, or one an answer (GSPO)")
      .choices({"token", "sequence"});
  f.add("scale_rewards", &Options::scale_rewards, "whose std divides the centred rewards")
      .choices({"group", "batch", "none"});
  f.add("multi_objective_aggregation", &Options::multi_objective_aggregation,
        "of several rewards: normalise their sum, or each within its group and then the sum over "
        "the batch (GDPO)")
      .choices({"sum_then_normalize", "normalize_then_sum"});
  f.add("use_bias_correction_kl", &Options::use_bias_correction_kl,
        "multiply the KL term by ρ, which makes its gradient that of KL(π ‖ π_ref)");
  f.add("off_policy_mask_threshold", &Options::off_policy_mask_threshold,
        "drop answers of negative advantage that are further from the sampler, nats a token")
      .at_least(0);
  f.add("sapo_temperature_pos", &Options::sapo_temperature_pos, "sapo's τ where A > 0").above(0);
  f.add("sapo_temperature_neg", &Options::sapo_temperature_neg, "sapo's τ elsewhere").above(0);
  f.add("vespo_k_pos", &Options::vespo_k_pos, "vespo's k where A >= 0").at_least(0);
  f.add("vespo_lambda_pos", &Options::vespo_lambda_pos, "vespo's λ where A >= 0").above(0);
  f.add("vespo_k_neg", &Options::vespo_k_neg, "vespo's k where A < 0").at_least(0);
  f.add("vespo_lambda_neg", &Options::vespo_lambda_neg, "vespo's λ where A < 0").above(0);
}

/// Less the group's mean, and divided by the std of every `at_once` rewards.
std::vector<double> scaled(const GroupRewards& g, size_t at_once) {
  const std::vector<double> counted = scored_answers(g);
  std::vector<double> all = centred(g, counted);
  for (size_t begin = 0; begin < all.size(); begin += at_once) {
    const double std = spread(std::span(g.rewards).subspan(begin, at_once),
                              std::span(counted).subspan(begin, at_once))
                           .std;
    for (size_t i = begin; i < begin + at_once; ++i) all[i] /= std + 1e-4;
  }
  return all;
}

/// Each part scaled within its groups, their weighted sum scaled over the batch (GDPO, arXiv
/// 2601.05242).
std::vector<double> normalised_sum(const GroupRewards& g) {
  std::vector<double> sum(g.rewards.size(), 0.0);
  for (const RewardPart& part : g.parts) {
    GroupRewards one{
        .prompts = g.prompts, .samples = g.samples, .rewards = part.values, .scored = part.scored};
    for (size_t i = 0; i < sum.size(); ++i) one.scored[i] = one.scored[i] && g.scored[i];
    const std::vector<double> some = scaled(one, static_cast<size_t>(g.samples));
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += part.weight * some[i];
  }
  standardise(sum, scored_answers(g));
  return sum;
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  if (o.multi_objective_aggregation == "normalize_then_sum" && !g.parts.empty())
    return normalised_sum(g);
  if (o.scale_rewards == "none") return centred(g, scored_answers(g));
  return scaled(g, o.scale_rewards == "batch" ? g.rewards.size() : static_cast<size_t>(g.samples));
}

Per unit(const Options& o) {
  if (o.loss_type == "grpo" || o.loss_type == "sapo") return Per::AnswerMean;
  if (o.loss_type == "luspo") return Per::AnswerSum;
  return o.loss_type == "dr_grpo" ? Per::Constant : Per::Token;
}

double constant(const Tokens& t, const Options& o) {
  if (o.loss_type != "dr_grpo") return 1;
  ASSERT(o.loss_constant || t.max_completion_length > 0, "the loop sets max_completion_length");
  return o.loss_constant.value_or(static_cast<double>(t.max_completion_length));
}

/// [N] (4/τ) σ(τ (ρ - 1))
at::Tensor soft_gate(const at::Tensor& rho, const Tokens& t, const Options& o) {
  const at::Tensor tau = at::where(t.advantage > 0, at::full_like(rho, o.sapo_temperature_pos),
                                   at::full_like(rho, o.sapo_temperature_neg));  // [N]
  return at::exp(at::log_sigmoid(tau * (rho - 1))) * 4 / tau;  // σ, with bits of every thread count
}

/// [answers] φ(w); its bounds are TRL's.
at::Tensor gamma_weight(const Tokens& t, const Options& o) {
  const at::Tensor steps = at::clamp(t.logp.detach() - t.old_logp, -20, 20);     // [N]
  const at::Tensor log_w = at::clamp(answer_sum(steps, t), std::log(1e-8), 20);  // [answers]
  const at::Tensor good = answer_mean(t.advantage, t) >= 0;                      // [answers]
  auto by_sign = [&](double pos, double neg) {
    return at::where(good, at::full_like(log_w, pos), at::full_like(log_w, neg));
  };
  const at::Tensor lambda = by_sign(o.vespo_lambda_pos, o.vespo_lambda_neg);  // [answers]
  return at::exp(lambda + by_sign(o.vespo_k_pos, o.vespo_k_neg) * log_w - lambda * at::exp(log_w));
}

/// ℓ and its metrics.
Terms policy_terms(const Tokens& t, const at::Tensor& rho, Level level, const Options& o) {
  Terms terms{.value = {}, .per = unit(o), .constant = constant(t, o), .metrics = {}};
  if (o.loss_type == "cispo") {
    const double most = o.epsilon_high.value_or(5);
    terms.value = weighted_score(t, at::clamp_max(rho, most) * t.advantage);
    terms.metrics = {share("cispo_clip_ratio", (rho > most) & (t.advantage > 0), t, level)};
  } else if (o.loss_type == "sapo") {
    terms.value = -soft_gate(rho, t, o) * t.advantage;
  } else if (o.loss_type == "vespo") {
    const at::Tensor phi = gamma_weight(t, o);  // [answers]
    terms.value = weighted_score(t, of_answer(phi, t) * t.advantage);
    terms.metrics = {metric("vespo/phi_seq_mean", phi)};
  } else {
    const Bounds bounds{
        .low = 1 - o.epsilon, .high = 1 + o.epsilon_high.value_or(o.epsilon), .most = o.delta};
    terms.value = clipped(rho, t, bounds);
    terms.metrics = clip_metrics(rho, t, bounds, level);
  }
  return terms;
}

Terms loss(const Tokens& t, const Options& o) {
  const Level level = o.importance_sampling_level == "sequence" ? Level::AnswerMean : Level::Token;
  const at::Tensor rho = importance(t, level);  // [N]
  Terms terms = policy_terms(t, rho, level, o);
  if (o.off_policy_mask_threshold) {
    const at::Tensor far = answer_mean(t.behaviour_logp - t.logp.detach(), t);  // [answers]
    const at::Tensor near = of_answer(far, t) <= *o.off_policy_mask_threshold;  // [N]
    terms.value = terms.value * ((t.advantage >= 0) | near);
  }
  if (o.beta > 0) {
    at::Tensor away = kl::k3(t.logp, t.ref_logp);  // [N]
    if (o.use_bias_correction_kl) away = away * rho;
    terms.unmasked = o.beta * away;
    terms.metrics.push_back(metric("kl", away));
  }
  return terms;
}

Policy preset(std::string_view summary, const Options& defaults) {
  Policy made =
      policy<Options>(loss, advantages, describe,
                      {.summary = summary, .group_at_least = 2, .reference = [](const Options& o) {
                         return o.beta > 0;
                       }});
  made.options = [defaults] { return std::make_shared<Options>(defaults); };
  return made;
}

extern const Policy entry =
    preset("reward each answer against its group's mean (arXiv 2402.03300)", {});
}  // namespace temper::algo::grpo
