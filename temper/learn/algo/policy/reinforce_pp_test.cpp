#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(ReinforcePp, AdvantagesEqualVerl) {
  const Json golden = recorded("policy_verl");
  const GroupRewards groups = recorded_rewards(golden["batch"], golden["batch"]["samples"]);
  int compared = 0;
  for (const Json& theirs : golden["advantages"]) {
    const std::string estimator = theirs["estimator"];
    if (estimator.rfind("reinforce_plus_plus", 0) != 0) continue;
    const bool group = estimator == "reinforce_plus_plus_baseline";
    const auto member = policy("reinforce_pp", group ? "baseline: group" : "");
    // verl's mean divides by tokens + 1e-8; there are 27.
    expect_equal(member->advantages(groups), theirs["advantages"], 1e-9);
    ++compared;
  }
  EXPECT_EQ(compared, 2);
}

TEST(ReinforcePp, LossEqualsVerl) {
  const Json golden = recorded("policy_verl");
  Json rows = golden["rows"];
  rows["lengths"] = golden["batch"]["lengths"];
  const Json& theirs = golden["losses"][0];
  const Step ours =
      step(policy_loss("reinforce_pp", "epsilon_high: 0.28\ndelta: 1.5"), recorded_tokens(rows));
  EXPECT_NEAR(ours.loss, theirs["loss"].get<double>(), 1e-12);
  expect_equal(ours.grad, theirs["grad"]);
}

TEST(ReinforcePp, ItsOptionsConform) {
  expect_conforms(policy_loss("reinforce_pp", "epsilon_high: 0.28\ndelta: 1.5"));
}

TEST(ReinforcePp, WorkedNumbersStandOnThePage) {
  const GroupRewards groups{.prompts = 2,
                            .samples = 2,
                            .rewards = {1, 0, 1, 1},
                            .scored = {1, 1, 1, 1},
                            .lengths = {1, 3, 2, 2}};
  const std::vector<double> plain = policy("reinforce_pp")->advantages(groups);
  const std::vector<double> based = policy("reinforce_pp", "baseline: group")->advantages(groups);
  const Spread all = spread(groups.rewards, scored_tokens(groups));
  expect_page("reinforce_pp", {{"mean", all.mean},
                               {"std", all.std},
                               {"right", plain[0]},
                               {"wrong", plain[1]},
                               {"right_based", based[0]},
                               {"wrong_based", based[1]},
                               {"agreed_based", based[2]}});
}

}  // namespace
}  // namespace temper::algo::conformance
