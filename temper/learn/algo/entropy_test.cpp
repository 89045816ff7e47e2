#include "temper/learn/algo/entropy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/engine/tensor/single_thread.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

struct Stepped {
  double loss, policy_loss, entropy;
  std::vector<double> grad, entropy_grad;
};

/// What the loop does with one micro-batch.
Stepped stepped(const Loss& member, Tokens t, double share, double coef) {
  const tensor::SingleThread one;
  t.logp = t.logp.detach().clone().set_requires_grad(true);
  t.entropy = t.entropy.detach().clone().set_requires_grad(true);
  Denominators whole = counted(t);
  if (share < 1) {
    t.kept = at_least(t.entropy, entropy_threshold(metric("", t.entropy).values, share));
    whole.kept = at::sum(t.kept).item<int64_t>();
  }
  const at::Tensor policy = divided(member(t), t, whole);
  const at::Tensor entropy = entropy_mean(t, whole);
  const at::Tensor loss = policy - coef * entropy;
  loss.backward();
  return {loss.item<double>(), policy.item<double>(), entropy.item<double>(),
          metric("", t.logp.grad()).values, metric("", t.entropy.grad()).values};
}

TEST(Entropy, MaskAndBonusEqualTrl) {
  const Json golden = recorded("policy_entropy");
  Tokens tokens = recorded_tokens(golden["rows"]);
  tokens.entropy = column(golden["rows"]["entropy"]);
  EXPECT_EQ(golden["cases"].size(), 44u);
  for (const Json& recording : golden["cases"]) {
    SCOPED_TRACE(recording["options"].dump());
    Json options = recording["options"];
    const double share = options.value("top_entropy_quantile", 1.0);
    const double coef = options.value("entropy_coef", 0.0);
    options.erase("top_entropy_quantile");
    options.erase("entropy_coef");
    const Stepped ours = stepped(policy_loss("grpo", yaml(options)), tokens, share, coef);
    EXPECT_NEAR(ours.loss, recording["loss"].get<double>(), 1e-12);
    expect_equal(ours.grad, recording["grad"]);
    expect_equal(ours.entropy_grad, recording["entropy_grad"]);
    if (coef != 0) {
      EXPECT_NEAR(ours.policy_loss, recording["policy_loss"].get<double>(), 1e-12);
    }
  }
}

TEST(Entropy, TheAdaptiveCoefficientEqualsTrl) {
  const Json golden = recorded("policy_entropy");
  const Json& options = golden["adaptive"]["options"];
  EntropyOptions chosen;
  chosen.use_adaptive_entropy = true;
  chosen.entropy_coef = options["entropy_coef"];
  chosen.entropy_coef_max = options["entropy_coef_max"];
  chosen.entropy_target = options["entropy_target"];
  EntropyControl control(chosen);
  Tokens tokens = recorded_tokens(golden["rows"]);
  for (const Json& step : golden["adaptive"]["steps"]) {
    tokens.entropy = column(step["entropies"]);
    const Stepped ours = stepped(policy_loss("grpo"), tokens, 1, control.applied());
    EXPECT_NEAR(ours.loss, step["loss"].get<double>(), 1e-12);
    control.saw(ours.entropy);
    EXPECT_NEAR(control.coef(), step["entropy_coef"].get<double>(), 1e-15);
  }
}

TEST(Entropy, AControlThatIsRestoredGoesOn) {
  EntropyOptions options;
  options.use_adaptive_entropy = true;
  EntropyControl whole(options), restored(options);
  for (double entropy : {0.1, 0.15}) whole.saw(entropy);
  restored.restore(whole.coef(), whole.last());
  EXPECT_EQ(restored.applied(), 0.01);
  whole.saw(0.5);
  restored.saw(0.5);
  EXPECT_EQ(restored.coef(), whole.coef());
  EXPECT_EQ(restored.applied(), 0);
}

TEST(Entropy, TheThresholdLiesBetweenTwoTokens) {
  EXPECT_DOUBLE_EQ(entropy_threshold({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(entropy_threshold({4, 1, 3, 2}, 1), 1);
  EXPECT_DOUBLE_EQ(entropy_threshold({4, 1, 3, 2}, 0), 4);
  EXPECT_DOUBLE_EQ(entropy_threshold({7}, 0.3), 7);
  EXPECT_LT(entropy_threshold({}, 0.3), -1e300);
}

TEST(Entropy, RewardsNormalisedApartEqualTrl) {
  for (const Json& recording : recorded("policy_entropy")["advantages"]) {
    SCOPED_TRACE(recording.dump());
    const size_t answers = recording["rewards"][0].size();
    GroupRewards g{.prompts = recording["prompts"],
                   .samples = 4,
                   .rewards = std::vector<double>(answers, 0.0),
                   .scored = std::vector<char>(answers, 0)};
    for (size_t f = 0; f < recording["rewards"].size(); ++f) {
      RewardPart& part = g.parts.emplace_back();
      part.weight = recording["weights"][f];
      for (size_t i = 0; i < answers; ++i) {
        const Json& reward = recording["rewards"][f][i];
        part.scored.push_back(!reward.is_null());
        part.values.push_back(reward.is_null() ? 0 : reward.get<double>());
        if (part.scored.back()) g.scored[i] = 1;
      }
    }
    expect_equal(policy("grpo", "multi_objective_aggregation: normalize_then_sum")->advantages(g),
                 recording["advantages"]);
  }
}

}  // namespace
}  // namespace temper::algo::conformance
