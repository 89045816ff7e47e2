#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/kl.h"

namespace temper::algo::conformance {
namespace {

Loss grpo(const std::string& yaml) {
  return [member = std::shared_ptr<PolicyLoss>(policy("grpo", yaml))](const Tokens& t) {
    return member->terms(t);
  };
}

std::string yaml(const Json& options) {
  std::string lines;
  for (const auto& [name, value] : options.items()) lines += name + ": " + value.dump() + "\n";
  return lines;
}

Json recorded() {
  return Json::parse(std::ifstream(SOURCE_DIR "/golden/grpo.json"));
}

Tokens recorded_rows(const Json& rows) {
  Tokens tokens = shaped(rows["lengths"]);
  tokens.logp = column(rows["logp"]);
  tokens.old_logp = column(rows["old_logp"]);
  tokens.ref_logp = column(rows["ref_logp"]);
  tokens.behaviour_logp = tokens.old_logp;
  tokens.entropy = at::zeros_like(tokens.logp);
  tokens.advantage = at::index_select(column(rows["advantages"]), 0, tokens.answer);
  tokens.max_completion_length = rows["max_completion_length"];
  return tokens;
}

void expect_equal(const std::vector<double>& ours, const std::vector<double>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  // Both are float64; TRL's k3 cancels, ours does not.
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-12) << i;
}

TEST(Grpo, EqualsTrl) {
  const Json golden = recorded();
  const Tokens tokens = recorded_rows(golden["rows"]);
  EXPECT_EQ(golden["cases"].size(), 72u);
  for (const Json& recording : golden["cases"]) {
    SCOPED_TRACE(recording["options"].dump());
    const Step ours = step(grpo(yaml(recording["options"])), tokens);
    EXPECT_NEAR(ours.loss, recording["loss"].get<double>(), 1e-12);
    expect_equal(ours.grad, recording["grad"]);
    for (const auto& [name, value] : recording["metrics"].items()) {
      // TRL counts in float32.
      EXPECT_NEAR(folded(ours.terms, name), value.get<double>(), 1e-7) << name;
    }
  }
}

TEST(Grpo, EqualsTrlOverTwoMicroBatchesExceptBnpo) {
  const Json golden = recorded();
  const Tokens all = recorded_rows(golden["rows"]);
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
  const Json golden = recorded();
  for (const Json& recording : golden["advantages"]) {
    SCOPED_TRACE(recording["options"].dump());
    GroupRewards groups{.prompts = recording["prompts"], .samples = 4, .rewards = {}, .scored = {}};
    for (const Json& reward : recording["rewards"]) {
      groups.scored.push_back(!reward.is_null());
      groups.rewards.push_back(reward.is_null() ? 0 : reward.get<double>());
    }
    expect_equal(policy("grpo", yaml(recording["options"]))->advantages(groups),
                 recording["advantages"]);
  }
}

TEST(Grpo, EveryVariantConforms) {
  for (const char* loss_type : {"grpo", "dr_grpo"}) {
    for (const char* level : {"token", "sequence"}) {
      const std::string lines =
          std::string("delta: 1.5\nepsilon_high: 0.28\nbeta: 0.04\nloss_type: ") + loss_type +
          "\nimportance_sampling_level: " + level;
      SCOPED_TRACE(lines);
      expect_conforms(grpo(lines));
    }
  }
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

  Tokens one = shaped({3});
  one.logp = moved.logp;
  one.old_logp = moved.old_logp;
  one.advantage = column({1, 1, 1});
  expect_page("grpo",
              {{"right_of_two", advantages("", {1, 0, 0, 1})[0]},
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
               {"sequence_ratio", -step(grpo("importance_sampling_level: sequence"), one).loss}});
}

}  // namespace
}  // namespace temper::algo::conformance
