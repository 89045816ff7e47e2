#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

Loss rloo(const std::string& lines) {
  return policy_loss("rloo", lines);
}

GroupRewards group(const std::vector<double>& rewards, const std::vector<double>& log_ratios = {}) {
  return {.prompts = 1,
          .samples = static_cast<int64_t>(rewards.size()),
          .rewards = rewards,
          .scored = std::vector<char>(rewards.size(), 1),
          .lengths = {},
          .log_ratios = log_ratios};
}

TEST(Rloo, EqualsTrl) {
  const Json golden = recorded("policy_losses");
  Json rows = golden["rows"];  // TRL's rows without the answer that has no tokens
  rows["lengths"].erase(size_t{3});
  rows["advantages"].erase(size_t{3});
  EXPECT_EQ(golden["rloo"].size(), 3u);
  expect_recorded("rloo", golden["rloo"], recorded_tokens(rows));
}

TEST(Rloo, AdvantagesEqualTrl) {
  const Json golden = recorded("policy_losses");
  EXPECT_EQ(golden["advantages"].size(), 15u);
  for (const Json& recording : golden["advantages"]) {
    SCOPED_TRACE(recording["options"].dump());
    const auto member = policy("rloo", yaml(recording["options"]));
    expect_equal(member->advantages(recorded_rewards(recording, 4)), recording["advantages"]);
  }
}

TEST(Rloo, AdvantagesEqualVerl) {
  const Json golden = recorded("policy_verl");
  const GroupRewards groups = recorded_rewards(golden["batch"], golden["batch"]["samples"]);
  expect_equal(policy("rloo", "beta: 0")->advantages(groups),
               golden["advantages"][0]["advantages"]);
}

TEST(Rloo, ItsPriceAndBoundsConform) {
  expect_conforms(rloo("beta: 0\nepsilon: 0.9\nepsilon_high: 3"));
}

TEST(Rloo, ThePriceIsTakenBeforeTheBaseline) {
  // 0.1 · (2, 0, -2) nats off the rewards makes (0.8, 1, 1.2).
  const auto member = policy("rloo", "beta: 0.1");
  expect_equal(member->advantages(group({1, 1, 1}, {2, 0, -2})), {-0.3, 0, 0.3});
}

TEST(Rloo, OnPolicyItsGradientIsThatOfTheAnswersScore) {
  Tokens tokens = sample();
  tokens.logp = tokens.old_logp;
  const Step exact = step(rloo(""), tokens);
  for (int64_t i = 0; i < tokens.logp.numel(); ++i)
    EXPECT_DOUBLE_EQ(exact.grad[i], -tokens.advantage[i].item<double>() / 7);
}

TEST(Rloo, NeedsTheReferenceUnlessItIsFree) {
  EXPECT_TRUE(policy("rloo")->needs_reference());
  EXPECT_FALSE(policy("rloo", "beta: 0")->needs_reference());
}

TEST(Rloo, AClipRangeThatIsNoneIsRefused) {
  for (const char* lines : {"reward_clip_range: [1]", "reward_clip_range: [1, 0]"}) {
    const auto member = policy("rloo", std::string("beta: 0\n") + lines);
    EXPECT_THROW(member->advantages(group({1, 0})), Error);
  }
}

TEST(Rloo, WorkedNumbersStandOnThePage) {
  const std::vector<double> plain = policy("rloo", "beta: 0")->advantages(group({1, 0, 0, 0}));
  const std::vector<double> priced = policy("rloo")->advantages(group({1, 0, 0, 0}, {2, 0, 0, -1}));
  Tokens one = shaped({3});
  one.logp = column({-1, -.5, -2});
  one.old_logp = column({-1.2, -.9, -1.5});
  one.ref_logp = column({-1.1, -1, -1.4});
  one.advantage = column({1, 1, 1});
  const Step moved = step(rloo("beta: 0.05"), one);
  expect_page("rloo", {{"right", plain[0]},
                       {"wrong", plain[1]},
                       {"right_priced", priced[0]},
                       {"wrong_priced", priced[1]},
                       {"nearer_priced", priced[3]},
                       {"loss", moved.loss},
                       {"slope", moved.grad[0]},
                       {"kl", folded(moved.terms, "kl")}});
}

}  // namespace
}  // namespace temper::algo::conformance
