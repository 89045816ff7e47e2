#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(Opo, AdvantagesEqualVerl) {
  const Json golden = recorded("policy_verl");
  const GroupRewards groups = recorded_rewards(golden["batch"], golden["batch"]["samples"]);
  ASSERT_EQ(golden["advantages"][1]["estimator"], "opo");
  expect_equal(policy("opo")->advantages(groups), golden["advantages"][1]["advantages"]);
}

TEST(Opo, AnswersOfOneLengthHaveTheGroupsMean) {
  GroupRewards groups{.prompts = 1,
                      .samples = 4,
                      .rewards = {1, 0, 0, 1},
                      .scored = {1, 1, 1, 1},
                      .lengths = {7, 7, 7, 7}};
  EXPECT_EQ(policy("opo")->advantages(groups), (std::vector<double>{0.5, -0.5, -0.5, 0.5}));
}

TEST(Opo, WorkedNumbersStandOnThePage) {
  const std::vector<double> all = policy("opo")->advantages({.prompts = 1,
                                                             .samples = 3,
                                                             .rewards = {1, 0, 0},
                                                             .scored = {1, 1, 1},
                                                             .lengths = {6, 2, 2}});
  expect_page(
      "opo",
      {{"right", all[0]}, {"wrong", all[1]}, {"balance", 6 * all[0] + 2 * all[1] + 2 * all[2]}});
}

}  // namespace
}  // namespace temper::algo::conformance
