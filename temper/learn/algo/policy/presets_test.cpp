#include <gtest/gtest.h>

#include <cmath>

#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(DrGrpo, WorkedNumbersStandOnThePage) {
  const std::vector<double> all = policy("dr_grpo")->advantages(
      {.prompts = 1, .samples = 4, .rewards = {1, 0, 0, 0}, .scored = {1, 1, 1, 1}});
  Tokens uneven = shaped({1, 3});
  uneven.logp = uneven.old_logp = column({-1, -1, -1, -1});
  uneven.advantage = column({1, -1, -1, -1});
  uneven.max_completion_length = 4;
  expect_page("dr_grpo", {{"right", all[0]},
                          {"wrong", all[1]},
                          {"loss", step(policy_loss("dr_grpo"), uneven).loss},
                          {"slope", step(policy_loss("dr_grpo"), uneven).grad[1]}});
}

TEST(Dapo, ClipsHigher) {
  const Tokens tokens = sample();
  EXPECT_EQ(step(policy_loss("dapo"), tokens).grad,
            step(policy_loss("grpo", "epsilon_high: 0.28"), tokens).grad);
}

TEST(Overlong, CostsTheLastTokensBeforeTheLimit) {
  const Overlong overlong{.limit = 100, .buffer = 20, .factor = 1};
  EXPECT_EQ(overlong.punishment(80), 0);
  EXPECT_DOUBLE_EQ(overlong.punishment(90), -0.5);
  EXPECT_EQ(overlong.punishment(100), -1);
  EXPECT_EQ(overlong.punishment(130), -1);
  EXPECT_EQ(Overlong{}.punishment(1000), 0);
}

TEST(Dapo, WorkedNumbersStandOnThePage) {
  Tokens one = shaped({1});
  one.logp = column({std::log(0.3)});
  one.old_logp = column({std::log(0.2)});
  one.advantage = column({1});
  expect_page("dapo", {{"term", step(policy_loss("dapo"), one).loss},
                       {"lost", Overlong{.limit = 100, .buffer = 20}.punishment(90)}});
}

TEST(Gspo, WorkedNumbersStandOnThePage) {
  Tokens one = shaped({3});
  one.logp = column({-1, -.5, -2});
  one.old_logp = column({-1.2, -.9, -1.5});
  one.advantage = column({1, 1, 1});
  Tokens near = one;
  near.old_logp = column({-1.0003, -.5003, -2});
  expect_page("gspo", {{"ratio", -step(policy_loss("gspo", "epsilon_high: 0.2"), one).loss},
                       {"clipped", -step(policy_loss("gspo"), one).loss},
                       {"near", -step(policy_loss("gspo"), near).loss},
                       {"slope", step(policy_loss("gspo"), near).grad[0]}});
}

}  // namespace
}  // namespace temper::algo::conformance
