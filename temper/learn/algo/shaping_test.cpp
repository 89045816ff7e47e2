#include "temper/learn/algo/shaping.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(RunningMoments, EqualTrls) {
  const Json golden = recorded("ppo")["moments"];
  RunningMoments seen;
  EXPECT_EQ(seen.std(), 1);
  for (size_t i = 0; i < golden["batches"].size(); ++i) {
    seen.add(golden["batches"][i].get<std::vector<double>>());
    // TRL counts in float32.
    EXPECT_NEAR(seen.mean, golden["after"][i]["mean"].get<double>(), 1e-6) << i;
    EXPECT_NEAR(seen.std(), golden["after"][i]["std"].get<double>(), 1e-6) << i;
  }
}

TEST(RunningMoments, OfBatchesAreThoseOfAllValues) {
  RunningMoments apart, together;
  apart.add(std::vector<double>{1, 2});
  apart.add({});
  apart.add(std::vector<double>{4, 8, 16});
  together.add(std::vector<double>{1, 2, 4, 8, 16});
  EXPECT_DOUBLE_EQ(apart.mean, together.mean);
  EXPECT_DOUBLE_EQ(apart.std(), together.std());
}

TEST(KlControl, EqualsVerlAndOpenRlhf) {  // whose two classes are the same
  const Json golden = recorded("ppo")["kl_control"];
  const KlControl control{golden["target"], golden["horizon"]};
  double coef = golden["kl_coef"];
  for (size_t i = 0; i < golden["kls"].size(); ++i) {
    coef = control.next(coef, golden["kls"][i], golden["answers"]);
    EXPECT_DOUBLE_EQ(coef, golden["coefs"][i].get<double>()) << i;
  }
}

TEST(Hold, KeepsRewardsBetweenTwoNumbers) {
  std::vector<double> rewards = {-3, 0.5, 7};
  hold(rewards, {});
  EXPECT_EQ(rewards, (std::vector<double>{-3, 0.5, 7}));
  hold(rewards, std::vector<double>{-1, 1});
  EXPECT_EQ(rewards, (std::vector<double>{-1, 0.5, 1}));
  for (const std::vector<double>& range : {std::vector<double>{1}, {1, -1}, {0, 1, 2}}) {
    EXPECT_THROW(hold(rewards, range), Error);
  }
}

}  // namespace
}  // namespace temper::algo::conformance
