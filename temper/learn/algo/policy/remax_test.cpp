#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

GroupRewards groups() {
  return {.prompts = 2,
          .samples = 2,
          .rewards = {1, 0.25, 1, 0},
          .scored = {1, 1, 1, 1},
          .greedy = {0.5, 1},
          .greedy_scored = {1, 1}};
}

TEST(Remax, TheGreedyAnswerIsTheBaseline) {
  EXPECT_EQ(policy("remax")->advantages(groups()), (std::vector<double>{0.5, -0.25, 0, -1}));
}

TEST(Remax, APromptWithoutABaselineTeachesNothing) {
  GroupRewards g = groups();
  g.greedy_scored[0] = 0;
  EXPECT_EQ(policy("remax")->advantages(g), (std::vector<double>{0, 0, 0, -1}));
}

TEST(Remax, WorkedNumbersStandOnThePage) {
  const std::vector<double> all = policy("remax")->advantages(groups());
  Tokens two = shaped({1, 3});
  two.logp = column({-1, -0.5, -0.5, -2});
  two.advantage = column({0.5, -0.25, -0.25, -0.25});
  const Step sums = step(policy_loss("remax"), two);
  const Step tokens = step(policy_loss("remax", "loss_agg_mode: token-mean"), two);
  expect_page("remax", {{"better", all[0]},
                        {"worse", all[1]},
                        {"loss", sums.loss},
                        {"slope", sums.grad[0]},
                        {"loss_token_mean", tokens.loss}});
}

}  // namespace
}  // namespace temper::algo::conformance
