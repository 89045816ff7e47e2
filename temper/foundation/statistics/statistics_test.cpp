#include "temper/foundation/statistics/statistics.h"

#include <gtest/gtest.h>

namespace temper::statistics {

// numbers of the literature's worked example: n 10, c 3
TEST(PassAtK, IsTheUnbiasedEstimate) {
  EXPECT_NEAR(pass_at_k(10, 3, 1), 0.3, 1e-12);
  EXPECT_NEAR(pass_at_k(10, 3, 2), 0.533333333333, 1e-12);
  EXPECT_NEAR(pass_at_k(10, 3, 5), 0.916666666667, 1e-12);
  EXPECT_EQ(pass_at_k(10, 3, 8), 1);
  EXPECT_EQ(pass_at_k(4, 0, 2), 0);
}

TEST(PassAtK, IsGivenForPowersOfTwoAndForAll) {
  EXPECT_EQ(pass_counts(1), (std::vector<int64_t>{1}));
  EXPECT_EQ(pass_counts(4), (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(pass_counts(6), (std::vector<int64_t>{1, 2, 4, 6}));
  EXPECT_TRUE(pass_counts(0).empty());
}

TEST(Interval, CoversTheMean) {
  const std::vector<double> values = {1, 2, 3, 4};
  const Interval all = interval(values);
  EXPECT_DOUBLE_EQ(all.mean, 2.5);
  EXPECT_NEAR(all.high - all.mean, 1.96 * 1.2909944487358056 / 2, 1e-12);
  EXPECT_EQ(interval({}).mean, 0);
}

TEST(Interval, AGainIsPaired) {
  const std::vector<double> before = {0, 1, 2}, after = {1, 2, 3};
  const Interval gain = paired_gain(before, after);
  EXPECT_DOUBLE_EQ(gain.mean, 1);
  EXPECT_DOUBLE_EQ(gain.low, 1);  // every prompt gained the same
}

}  // namespace temper::statistics
