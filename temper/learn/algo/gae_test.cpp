#include "temper/learn/algo/gae.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/kl.h"

namespace temper::algo::conformance {
namespace {

using Lists = std::vector<std::vector<double>>;

TEST(Gae, EqualsWhatIsWorkedByHand) {
  const std::vector<double> rewards = {0, 0, 1}, values = {0.2, 0.5, 0.4, 0};
  const TokenAdvantages all = gae(rewards, values, {.gamma = 1, .lam = 0.95});
  expect_equal(all.advantage, {0.3 + 0.95 * 0.47, -0.1 + 0.95 * 0.6, 0.6});
  expect_equal(all.target, {0.9465, 0.97, 1});
}

TEST(Gae, TrustsRewardsAloneOrTheNextValueAlone) {
  const std::vector<double> rewards = {0.5, -1, 1}, values = {0.2, 0.5, 0.4, 0.3};
  expect_equal(gae(rewards, values, {.gamma = 1, .lam = 1}).target, {0.8, 0.3, 1.3});
  expect_equal(gae(rewards, values, {.gamma = 0.5, .lam = 0}).target, {0.75, -0.8, 1.15});
}

TEST(Gae, HasNoSignalWhereTheValuesAreRight) {
  const std::vector<double> rewards = {0, 0, 0.1}, values = {0.1, 0.1, 0.1, 0};
  for (double advantage : gae(rewards, values, {}).advantage) EXPECT_EQ(advantage, 0);
}

TEST(Gae, AnAnswerWithoutTokensHasNothing) {
  EXPECT_TRUE(gae({}, std::vector<double>{0.5}, {}).advantage.empty());
}

TEST(Gae, EqualsTrlAndVerl) {
  const Json golden = recorded("ppo"), rows = golden["rows"];
  const std::vector<size_t> lengths = rows["lengths"];
  const Lists logp = listed(rows["logp"], lengths), ref = listed(rows["ref_logp"], lengths);
  for (const Json& theirs : golden["estimates"]) {
    SCOPED_TRACE(theirs["options"].dump());
    const Json options = theirs["options"];
    const double coef = options.value("kl_coef", 0.05);
    Lists rewards, advantages, targets, values = listed(rows["values"], lengths);
    for (size_t i = 0; i < lengths.size(); ++i) {
      const auto distance = options.value("kl_estimator", "k1") == "k1" ? kl::k1 : kl::k3;
      rewards.push_back(metric("", -coef * distance(column(logp[i]), column(ref[i]))).values);
      rewards[i].back() += rows["scores"][i].get<double>();
      values[i].push_back(0);
    }
    if (options.value("whiten_rewards", false)) whiten_tokens(rewards, Mean::Kept);
    for (size_t i = 0; i < lengths.size(); ++i) {
      TokenAdvantages own =
          gae(rewards[i], values[i],
              {.gamma = options.value("gamma", 1.0), .lam = options.value("lam", 0.95)});
      advantages.push_back(own.advantage);
      targets.push_back(own.target);
    }
    whiten_tokens(advantages, Mean::Removed);
    // verl's mean divides by tokens + 1e-8; there are 21.
    const double within = theirs.contains("objective/kl") ? 1e-12 : 1e-9;
    expect_equal(joined(advantages), theirs["advantages"], within);
    expect_equal(joined(targets), theirs["returns"]);
  }
}

TEST(Whitening, EqualTokensBecomeNothingOrStay) {
  Lists equal = {{0.1, 0.1}, {}, {0.1}};
  whiten_tokens(equal, Mean::Kept);
  EXPECT_EQ(equal, (Lists{{0.1, 0.1}, {}, {0.1}}));
  whiten_tokens(equal, Mean::Removed);
  EXPECT_EQ(equal, (Lists{{0, 0}, {}, {0}}));
  Lists none = {{}, {}};
  whiten_tokens(none, Mean::Removed);
  EXPECT_EQ(none, (Lists{{}, {}}));
}

TEST(ExplainedVariance, IsOneForTruthAndZeroForAConstant) {
  const std::vector<double> targets = {0, 1, 0, 1};
  EXPECT_EQ(explained_variance(targets, targets), 1);
  EXPECT_EQ(explained_variance(targets, std::vector<double>(4, 7.0)), 0);
  EXPECT_LT(explained_variance(targets, std::vector<double>{1, 0, 1, 0}), 0);
  EXPECT_EQ(explained_variance(std::vector<double>{2, 2}, std::vector<double>{0, 5}), 0);
  EXPECT_EQ(explained_variance({}, {}), 0);
}

}  // namespace
}  // namespace temper::algo::conformance
