#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

Loss reinforce(const std::string& lines) {
  return policy_loss("reinforce", lines);
}

std::vector<double> advantages(const std::string& lines) {
  return policy("reinforce", lines)
      ->advantages({.prompts = 2, .samples = 2, .rewards = {1, 0, 1, 1}, .scored = {1, 1, 1, 1}});
}

TEST(Reinforce, EqualsVerl) {
  const Json golden = recorded("policy_verl");
  Json rows = golden["rows"];
  rows["lengths"] = golden["batch"]["lengths"];
  const Tokens tokens = recorded_tokens(rows);
  int compared = 0;
  for (const Json& theirs : golden["losses"]) {
    if (theirs["name"] != "reinforce") continue;
    const Step ours =
        step(reinforce("loss_agg_mode: " + theirs["loss_agg_mode"].get<std::string>()), tokens);
    EXPECT_NEAR(ours.loss, theirs["loss"].get<double>(), 1e-12);
    expect_equal(ours.grad, theirs["grad"]);
    ++compared;
  }
  EXPECT_EQ(compared, 2);
}

TEST(Reinforce, EveryUnitConforms) {
  expect_conforms(reinforce("loss_agg_mode: token-mean"));
}

TEST(Reinforce, WithoutABaselineARewardIsTheAdvantage) {
  EXPECT_EQ(advantages("baseline: none"), (std::vector<double>{1, 0, 1, 1}));
}

TEST(Reinforce, WorkedNumbersStandOnThePage) {
  Tokens two = shaped({1, 3});
  two.logp = column({-2, -.5, -.5, -.5});
  two.advantage = column({.25, -.75, -.75, -.75});
  expect_page("reinforce", {{"right_batch", advantages("")[0]},
                            {"wrong_batch", advantages("")[1]},
                            {"right_group", advantages("baseline: group")[0]},
                            {"loss_answers", step(reinforce(""), two).loss},
                            {"loss_tokens", step(reinforce("loss_agg_mode: token-mean"), two).loss},
                            {"slope", step(reinforce(""), two).grad[0]}});
}

}  // namespace
}  // namespace temper::algo::conformance
