#include "temper/world/reward/rubric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::reward {
namespace {

Part fixed(const std::string& name, double weight, Score score, double lowest = 0) {
  return {name, weight, [score](const Attempt&) { return score; }, lowest, 1};
}

TEST(Rubric, RewardIsTheWeightedSum) {
  Rubric rubric({fixed("a", 1, {1, "", Outcome::Scored}), fixed("b", 0.5, {0.5, "", {}}),
                 fixed("c", -0.25, {1, "", {}})});
  Verdict verdict = rubric.judge({});
  EXPECT_DOUBLE_EQ(verdict.reward, 1.0);
  EXPECT_EQ(verdict.outcome, Outcome::Scored);
  ASSERT_EQ(verdict.parts.size(), 3u);
  EXPECT_EQ(verdict.parts[1].name, "b");
  EXPECT_DOUBLE_EQ(verdict.parts[1].score.value, 0.5);
}

TEST(Rubric, RangeFollowsTheSignsOfTheWeights) {
  Rubric rubric({fixed("a", 1, {}, -1), fixed("b", -0.5, {}, 0)});
  EXPECT_DOUBLE_EQ(rubric.lowest(), -1.5);
  EXPECT_DOUBLE_EQ(rubric.highest(), 1.0);
}

TEST(Rubric, AnUnscoredPartLeavesTheWholeUnscored) {
  Rubric rubric({fixed("a", 1, {1, "", {}}), fixed("b", 0.1, {0, "too slow", Outcome::Timeout}),
                 fixed("c", 1, {0, "broken", Outcome::Error})});
  Verdict verdict = rubric.judge({});
  EXPECT_EQ(verdict.outcome, Outcome::Timeout);
  EXPECT_EQ(verdict.reason, "b: too slow");
  EXPECT_EQ(verdict.reward, 0);
  EXPECT_EQ(verdict.parts.size(), 3u);
}

TEST(Rubric, APartWithoutWeightIsOnlyReported) {
  Rubric rubric({fixed("a", 1, {1, "", {}}), fixed("b", 0, {0, "broken", Outcome::Error})});
  EXPECT_EQ(rubric.judge({}).outcome, Outcome::Scored);
  EXPECT_DOUBLE_EQ(rubric.judge({}).reward, 1);
}

TEST(Rubric, AScoreOutsideItsRangeIsAnError) {
  for (double value : {1.5, -0.1, std::nan("")}) {
    Verdict verdict = Rubric({fixed("a", 1, {value, "", {}})}).judge({});
    EXPECT_EQ(verdict.outcome, Outcome::Error);
    EXPECT_NE(verdict.reason.find("is outside"), std::string::npos);
  }
}

TEST(Rubric, RefusesEqualNamesNoPartsAndWeightsThatAreNoNumbers) {
  EXPECT_THROW(Rubric(std::vector<Part>()), Error);
  EXPECT_THROW(Rubric({fixed("a", 1, {}), fixed("a", 2, {})}), Error);
  EXPECT_THROW(Rubric({fixed("a", std::nan(""), {})}), Error);
}

}  // namespace
}  // namespace temper::reward
