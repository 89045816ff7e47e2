// PPO with a critic: Schulman et al. 2017 (arXiv 1707.06347), eqs. 7, 9 and 11, on language as
// Ziegler et al. 2019 (arXiv 1909.08593) and TRL's last PPOTrainer (1.12) have it. Per token t of
// an answer, with the critic's value V_t of the text before it:
//
//   r_t = -β kl_t, and the answer's reward on its last token;  kl = k1 or k3 of log π - log π_ref
//   A, R from r and V: gae.h, V behind the last token 0 at an end; A whitened over the batch
//   L_t = max(-ρ A_t, -clip(ρ, 1-ε, 1+ε) A_t),  ρ = e^(log π - log π_old);  A_t < 0: at most -δ A_t
//   C_t = c · ½ max((V - R)², (clip(V, V_old ± ε_V) - R)²)       the critic's
//
// both divided by tokens. Rewards may go through shaping.h first: normalised, held, and β may
// follow the KL.
//
// Departures from TRL: the reward sits on the last token, not behind it; an answer that was cut has
// a value behind it (bootstrap_truncated); policy and critic have an optimizer each.
#include <algorithm>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/gae.h"
#include "temper/learn/algo/kl.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::ppo {
struct Options {
  double cliprange = 0.2, cliprange_value = 0.2, vf_coef = 0.1;
  std::optional<double> delta{};
  double gamma = 1, lam = 0.95;
  double kl_coef = 0.05, kl_horizon = 10000;
  std::string kl_estimator = "k1", normalize_rewards = "none";
  std::optional<double> kl_target{}, missing_eos_penalty{};
  std::vector<double> reward_clip_range{};
  bool whiten_rewards = false, bootstrap_truncated = true;
};
void describe(config::Fields<Options>& f) {
  f.add("cliprange", &Options::cliprange, "how far ρ may leave 1 before it stops paying")
      .within(0, 1);
  f.add("cliprange_value", &Options::cliprange_value,
        "how far a value may leave that of sampling before it stops paying")
      .above(0);
  f.add("vf_coef", &Options::vf_coef, "weight of the critic's loss").above(0);
  f.add("delta", &Options::delta,
        "upper bound of ρ where the advantage is negative too (dual clip; verl: 3)")
      .above(1)
      .alias("clip_ratio_c");
  f.add("gamma", &Options::gamma, "what a reward one token later is worth").within(0, 1);
  f.add("lam", &Options::lam, "1 trusts the rewards, 0 the critic").within(0, 1);
  f.add("kl_coef", &Options::kl_coef,
        "price in reward of one nat away from the reference; 0 needs no reference")
      .at_least(0);
  f.add("kl_estimator", &Options::kl_estimator, "of the KL that is priced").choices({"k1", "k3"});
  f.add("kl_target", &Options::kl_target,
        "KL a token that kl_coef is to hold, rising above it and falling below; unset: it is fixed")
      .above(0);
  f.add("kl_horizon", &Options::kl_horizon, "answers over which kl_coef would double").above(0);
  f.add("normalize_rewards", &Options::normalize_rewards,
        "divide by the std of all rewards so far, or subtract their mean too")
      .choices({"none", "std", "mean_std"});
  f.add("reward_clip_range", &Options::reward_clip_range,
        "two numbers that rewards are held between, normalised ones, before the price");
  f.add("missing_eos_penalty", &Options::missing_eos_penalty,
        "what an answer that was cut loses, after all that")
      .above(0);
  f.add("whiten_rewards", &Options::whiten_rewards,
        "bring the rewards of tokens to a spread of 1, their mean kept");
  f.add("bootstrap_truncated", &Options::bootstrap_truncated,
        "an answer that was cut goes on at the critic's value; false: nothing comes behind it");
}

/// Was judged, and has tokens to train.
bool counts(const GroupRewards& g, size_t answer) {
  return g.scored[answer] && g.lengths[answer] > 0;
}

/// [P · G] the rewards of answers that count, as they go on their last tokens.
std::vector<double> scores(const GroupRewards& g, const Options& o, RunningMoments& seen) {
  std::vector<double> some;
  for (size_t i = 0; i < g.rewards.size(); ++i) {
    if (counts(g, i)) some.push_back(g.rewards[i]);
  }
  if (o.normalize_rewards != "none") {
    seen.add(some);
    const double centre = o.normalize_rewards == "mean_std" ? seen.mean : 0;
    const double scale = seen.std() > 0 ? seen.std() : 1;  // all equal so far: there is no scale
    for (double& reward : some) reward = (reward - centre) / scale;
  }
  hold(some, o.reward_clip_range);
  std::vector<double> all(g.rewards.size(), 0.0);
  for (size_t i = 0, n = 0; i < all.size(); ++i) {
    if (!counts(g, i)) continue;
    all[i] = some[n++] - (g.ended[i] ? 0 : o.missing_eos_penalty.value_or(0));
  }
  return all;
}

/// The tokens' distances to the reference.
std::vector<double> distances(const GroupRewards& g, size_t answer, const Options& o) {
  if (o.kl_coef == 0) return std::vector<double>(g.logp[answer].size(), 0.0);
  auto column = [](const std::vector<float>& values) {
    return at::tensor(std::vector<double>(values.begin(), values.end()), at::kDouble);
  };
  const at::Tensor logp = column(g.logp[answer]), ref_logp = column(g.ref_logp[answer]);  // [T]
  return metric("", (o.kl_estimator == "k1" ? kl::k1 : kl::k3)(logp, ref_logp)).values;
}

double total(const std::vector<double>& values) {
  double sum = 0;
  for (double x : values) sum += x;
  return sum;
}

/// The rewards of single tokens; what becomes of the KL's price, and TRL's objective/… of the
/// batch.
std::vector<std::vector<double>> token_rewards(const GroupRewards& g, const Options& o, Credit& c) {
  const double coef = g.carried.kl_coef.value_or(o.kl_coef);
  const std::vector<double> score = scores(g, o, c.carried.rewards);
  Metric kl{"objective/kl", {}}, entropy{"objective/entropy", {}};
  Metric price{"objective/non_score_reward", {}}, scored{"objective/scores", {}};
  Metric both{"objective/rlhf_reward", {}}, ends{"val/num_eos_tokens", {0}};
  std::vector<std::vector<double>> rewards(g.rewards.size());
  std::vector<double> per_token;
  for (size_t i = 0; i < rewards.size(); ++i) {
    if (!counts(g, i)) continue;
    rewards[i] = distances(g, i, o);
    kl.values.push_back(total(rewards[i]));
    per_token.push_back(kl.values.back() / static_cast<double>(rewards[i].size()));
    for (double& reward : rewards[i]) reward *= -coef;
    rewards[i].back() += score[i];
    entropy.values.push_back(-total({g.logp[i].begin(), g.logp[i].end()}));
    price.values.push_back(-coef * kl.values.back());
    scored.values.push_back(score[i]);
    both.values.push_back(price.values.back() + score[i]);
    ends.values[0] += g.ended[i] ? 1 : 0;
  }
  if (o.kl_target && !per_token.empty()) {
    const auto answers = static_cast<double>(per_token.size());
    c.carried.kl_coef =
        KlControl{*o.kl_target, o.kl_horizon}.next(coef, total(per_token) / answers, answers);
  }
  c.metrics = {kl, entropy, price, scored, both, ends, {"objective/kl_coef", {coef}}};
  if (o.whiten_rewards) whiten_tokens(rewards, Mean::Kept);
  return rewards;
}

Credit credit(const GroupRewards& g, const Options& o) {
  const size_t answers = g.rewards.size();
  ASSERT(g.values.size() == answers && g.logp.size() == answers && g.ended.size() == answers,
         "the loop gives values, log-probs and ends");
  if (o.kl_target && o.kl_coef == 0) {
    throw Error({"kl_target moves kl_coef, which is 0 and would stay so", "",
                 "begin with a kl_coef above 0, or leave kl_target out"});
  }
  Credit c{.answer = std::vector<double>(answers, 0.0), .carried = g.carried};
  const std::vector<std::vector<double>> rewards = token_rewards(g, o, c);
  std::vector<std::vector<double>> advantages(answers);
  std::vector<double> targets, expected;  // of all tokens that count
  for (size_t i = 0; i < answers; ++i) {
    std::vector<double> values(g.values[i].begin(), g.values[i].end());
    if (g.ended[i] || !o.bootstrap_truncated) values.back() = 0;
    // An answer that says nothing of rewards leaves the critic where it is.
    c.value_target.emplace_back(g.values[i].begin(), g.values[i].end() - 1);
    if (!counts(g, i)) continue;
    TokenAdvantages own = gae(rewards[i], values, {.gamma = o.gamma, .lam = o.lam});
    advantages[i] = std::move(own.advantage);
    c.value_target[i].assign(own.target.begin(), own.target.end());
    targets.insert(targets.end(), own.target.begin(), own.target.end());
    expected.insert(expected.end(), values.begin(), values.end() - 1);
  }
  whiten_tokens(advantages, Mean::Removed);
  for (size_t i = 0; i < answers; ++i) {
    c.token.emplace_back(advantages[i].begin(), advantages[i].end());
    c.token[i].resize(g.logp[i].size());
    if (counts(g, i)) c.answer[i] = total(advantages[i]) / static_cast<double>(c.token[i].size());
  }
  c.metrics.push_back({"critic/vf_explained_var", {explained_variance(targets, expected)}});
  c.metrics.push_back({"critic/values/mean", expected});
  c.metrics.push_back({"critic/returns/mean", targets});
  return c;
}

/// Fills in the critic's part.
void add_critic(const Tokens& t, const Options& o, Terms& terms) {
  const at::Tensor held = at::maximum(at::minimum(t.value, t.old_value + o.cliprange_value),
                                      t.old_value - o.cliprange_value);  // [N]
  const at::Tensor free_error = t.value - t.value_target,
                   held_error = held - t.value_target;  // [N]
  const at::Tensor free_square = free_error * free_error, held_square = held_error * held_error;
  const at::Tensor error = at::maximum(free_square, held_square) / 2;  // [N]
  terms.critic = o.vf_coef * error;
  terms.metrics.push_back(metric("loss/value_avg", error));
  terms.metrics.push_back(metric("val/clipfrac_avg", held_square > free_square));
}

Terms loss(const Tokens& t, const Options& o) {
  const Bounds bounds{.low = 1 - o.cliprange, .high = 1 + o.cliprange, .most = o.delta};
  const at::Tensor rho = importance(t, Level::Token);  // [N]
  const at::Tensor moved = t.logp - t.old_logp;        // [N]
  const at::Tensor outside =
      ((rho < bounds.low) & (t.advantage < 0)) | ((rho > bounds.high) & (t.advantage > 0));  // [N]
  Terms terms{.value = clipped(rho, t, bounds), .per = Per::Token, .constant = 1, .metrics = {}};
  Metric spread_of_rho = metric("val/ratio_var", rho);
  spread_of_rho.fold = Fold::Variance;
  terms.metrics = {metric("loss/policy_avg", terms.value),
                   metric("policy/approxkl_avg", moved * moved / 2),
                   metric("policy/clipfrac_avg", outside),
                   metric("policy/entropy_avg", t.entropy),
                   metric("val/ratio", rho),
                   spread_of_rho};
  add_critic(t, o, terms);
  return terms;
}

extern const Policy entry =
    policy<Options>(loss, credit, describe,
                    {.summary = "a learned value at every token, and clipped steps "
                                "(arXiv 1707.06347)",
                     .num_generations = 1,
                     .against = Against::Critic,
                     .learning_rate = 3e-6,
                     .num_iterations = 4,
                     .reference = [](const Options& o) { return o.kl_coef > 0; }});
}  // namespace temper::algo::ppo
