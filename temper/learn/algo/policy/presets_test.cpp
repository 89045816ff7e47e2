#include <gtest/gtest.h>

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
