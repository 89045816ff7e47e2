#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/kl.h"

namespace temper::algo::conformance {
namespace {

Loss grpo(const std::string& yaml) {
  return policy_loss("grpo", yaml);
}

TEST(Grpo, EqualsTrl) {
  const Json golden = recorded("grpo");
  EXPECT_EQ(golden["cases"].size(), 72u);
  expect_recorded("grpo", golden["cases"], recorded_tokens(golden["rows"]));
}

TEST(Grpo, EveryLossTypeEqualsTrl) {
  const Json golden = recorded("policy_losses");
  EXPECT_EQ(golden["cases"].size(), 30u);
  expect_recorded("grpo", golden["cases"], recorded_tokens(golden["rows"]));
}

TEST(Grpo, EqualsTrlOverTwoMicroBatchesExceptBnpo) {
  const Json golden = recorded("grpo");
  const Tokens all = recorded_tokens(golden["rows"]);
  for (const Json& recording : golden["accumulated"]) {
    SCOPED_TRACE(recording["options"].dump());
    // TRL's bnpo divides each micro-batch by its own tokens; ours the whole batch by all of them.
    const bool bnpo = recording["options"]["loss_type"] == "bnpo";
    double loss = 0, imitated = 0;
    std::vector<double> grad, imitated_grad;
    std::vector<std::vector<int64_t>> halves(2);
    for (int64_t i = 0; i < all.answers; ++i) halves[i >= recording["split"]].push_back(i);
    for (const std::vector<int64_t>& answers : halves) {
      std::vector<int64_t> places;
      Tokens some = part(all, answers, &places);
      some.max_completion_length = all.max_completion_length;
      const Loss member = grpo(yaml(recording["options"]));
      const Step ours = step(member, some, counted(all));
      loss += ours.loss;
      grad.insert(grad.end(), ours.grad.begin(), ours.grad.end());
      const Step alone = step(member, some);
      imitated += alone.loss / 2;
      for (double slope : alone.grad) imitated_grad.push_back(slope / 2);
    }
    const double theirs = recording["loss"];
    EXPECT_NEAR(bnpo ? imitated : loss, theirs, 1e-12);
    expect_equal(bnpo ? imitated_grad : grad, recording["grad"]);
    if (bnpo) {
      EXPECT_GT(std::abs(loss - theirs), 1e-3);
    }
  }
}

TEST(Grpo, AdvantagesEqualTrlWithUnscoredAnswers) {
  const Json golden = recorded("grpo");
  for (const Json& recording : golden["advantages"]) {
    SCOPED_TRACE(recording["options"].dump());
    expect_equal(
        policy("grpo", yaml(recording["options"]))->advantages(recorded_rewards(recording, 4)),
        recording["advantages"]);
  }
}

TEST(Grpo, EveryVariantConforms) {
  for (const char* loss_type : {"grpo", "dr_grpo", "luspo", "sapo"}) {
    for (const char* level : {"token", "sequence"}) {
      const std::string lines =
          std::string("delta: 1.5\nepsilon_high: 0.28\nbeta: 0.04\nloss_type: ") + loss_type +
          "\nimportance_sampling_level: " + level;
      SCOPED_TRACE(lines);
      expect_conforms(grpo(lines));
    }
  }
}

TEST(Grpo, TypesThatHoldTheirWeightFixedConform) {
  for (const char* lines :
       {"loss_type: cispo", "loss_type: cispo\nimportance_sampling_level: sequence",
        "loss_type: vespo", "loss_type: dapo\noff_policy_mask_threshold: 0.1"}) {
    SCOPED_TRACE(lines);
    expect_conforms_but_for_differences(grpo(lines));
  }
}

TEST(Grpo, CispoLetsARatioCountUpToFiveUnlessTold) {
  Tokens one = shaped({1});
  one.logp = column({-1});
  one.old_logp = column({-3});  // ρ = e² = 7.39
  one.advantage = column({1});
  EXPECT_DOUBLE_EQ(step(grpo("loss_type: cispo"), one).grad[0], -5);
  EXPECT_DOUBLE_EQ(step(grpo("loss_type: cispo\nepsilon_high: 2"), one).grad[0], -2);
}

TEST(Grpo, OnPolicyEveryTypeHasTheSameGradientPerToken) {
  Tokens tokens = sample();
  tokens.logp = tokens.behaviour_logp = tokens.old_logp;
  const std::vector<double> dapo = step(grpo(""), tokens).grad;
  for (const char* type : {"cispo", "vespo"})
    expect_equal(step(grpo(std::string("loss_type: ") + type), tokens).grad, dapo);
}

TEST(Grpo, PresetsAreGrpoUnderOtherDefaults) {
  const Tokens tokens = sample();
  auto same = [&](const char* preset, const std::string& lines) {
    EXPECT_EQ(step(policy_loss(preset), tokens).grad, step(grpo(lines), tokens).grad) << preset;
  };
  same("dr_grpo", "loss_type: dr_grpo");
  same("gspo",
       "loss_type: grpo\nimportance_sampling_level: sequence\nepsilon: 3e-4\nepsilon_high: 4e-4");
  const GroupRewards groups{
      .prompts = 1, .samples = 4, .rewards = {1, 0, 0, 1}, .scored = {1, 1, 1, 1}};
  EXPECT_EQ(policy("dr_grpo")->advantages(groups),
            policy("grpo", "scale_rewards: none")->advantages(groups));
  EXPECT_EQ(policy("gspo")->advantages(groups), policy("grpo")->advantages(groups));
}

TEST(Grpo, DividesByItsConstantBeforeTheRunsLimit) {
  const double limit = step(grpo("loss_type: dr_grpo"), sample()).loss;  // 8 tokens
  const double given = step(grpo("loss_type: dr_grpo\nloss_constant: 16"), sample()).loss;
  EXPECT_DOUBLE_EQ(limit, 2 * given);
}

TEST(Grpo, NeedsTheReferenceOnlyWhenItCosts) {
  EXPECT_FALSE(policy("grpo")->needs_reference());
  EXPECT_TRUE(policy("grpo", "beta: 0.1")->needs_reference());
  EXPECT_FALSE(policy("grpo")->needs_entropy());
}

TEST(Grpo, WorkedNumbersStandOnThePage) {
  auto advantages = [](const std::string& lines, std::vector<double> rewards) {
    return policy("grpo", lines)
        ->advantages({.prompts = 1, .samples = 4, .rewards = rewards, .scored = {1, 1, 1, 1}});
  };
  Tokens uneven = shaped({1, 3});  // lengths 1 and 3, advantages 1 and -1, ratio 1
  uneven.logp = uneven.old_logp = column({-1, -1, -1, -1});
  uneven.advantage = column({1, -1, -1, -1});
  uneven.max_completion_length = 4;

  Tokens moved = shaped({1, 1, 1});
  moved.logp = column({-1, -.5, -2});
  moved.old_logp = column({-1.2, -.9, -1.5});
  moved.ref_logp = column({-1.1, -1, -1.4});
  moved.advantage = column({1, -1, .5});
  const Step clipped = step(grpo(""), moved);
  const std::vector<double> terms = metric("", clipped.terms.value).values;
  const Terms away = grpo("beta: 0.1\nuse_bias_correction_kl: false")(moved);

  const std::vector<double> sapo = metric("", grpo("loss_type: sapo")(moved).value).values;
  const std::vector<double> phi = grpo("loss_type: vespo")(moved).metrics[0].values;
  Tokens one = shaped({3});
  one.logp = moved.logp;
  one.old_logp = moved.old_logp;
  one.advantage = column({1, 1, 1});
  const Spread two = spread(std::vector<double>{1, 0, 0, 1}, std::vector<double>{1, 1, 1, 1});
  expect_page(
      "grpo",
      {{"mean_of_two", two.mean},
       {"std_of_two", two.std},
       {"right_of_two", advantages("", {1, 0, 0, 1})[0]},
       {"wrong_of_two", advantages("", {1, 0, 0, 1})[1]},
       {"right_unscaled", advantages("scale_rewards: none", {1, 0, 0, 1})[0]},
       {"right_of_one", advantages("", {1, 0, 0, 0})[0]},
       {"wrong_of_one", advantages("", {1, 0, 0, 0})[1]},
       {"loss_grpo", step(grpo("loss_type: grpo"), uneven).loss},
       {"loss_dapo", step(grpo("loss_type: dapo"), uneven).loss},
       {"loss_dr_grpo", step(grpo("loss_type: dr_grpo"), uneven).loss},
       {"term_1", terms[0]},
       {"term_2", terms[1]},
       {"term_3", terms[2]},
       {"loss", clipped.loss},
       {"clipped", folded(clipped.terms, "clip_ratio/region_mean")},
       {"k3_1", away.metrics.back().values[0]},
       {"k3_2", away.metrics.back().values[1]},
       {"k3_3", away.metrics.back().values[2]},
       {"kl", folded(away, "kl")},
       {"sequence_ratio", -step(grpo("importance_sampling_level: sequence"), one).loss},
       {"cispo_slope", step(grpo("loss_type: cispo"), moved).grad[0]},
       {"sapo_1", sapo[0]},
       {"sapo_2", sapo[1]},
       {"sapo_3", sapo[2]},
       {"phi_1", phi[0]},
       {"phi_2", phi[1]},
       {"phi_3", phi[2]},
       {"luspo", step(grpo("loss_type: luspo\nimportance_sampling_level: sequence"), one).loss}});
}

}  // namespace
}  // namespace temper::algo::conformance
