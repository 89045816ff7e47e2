#include "temper/learn/batch/bins.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "temper/foundation/random/random.h"

namespace temper::batch {
namespace {

TEST(BestFitDecreasing, PutsEachRowWhereTheLeastRoomIsLeft) {
  const std::vector<int64_t> lengths = {3, 6, 2, 7, 4, 8};
  const std::vector<std::vector<size_t>> wanted = {{5, 2}, {3, 0}, {1, 4}};
  EXPECT_EQ(best_fit_decreasing(lengths, 10), wanted);
  EXPECT_EQ(best_fit_decreasing(lengths, 5).size(), 5U);  // 8, 7 and 6 alone; 4; 3 and 2
  EXPECT_TRUE(best_fit_decreasing({}, 10).empty());
}

TEST(BestFitDecreasing, EveryRowIsInOneBinAndBinsAreWellFilled) {
  random::Sequence draws(random::Stream(7, random::Purpose::Data));
  std::vector<int64_t> lengths(500);
  for (int64_t& length : lengths) length = 1 + static_cast<int64_t>(draws.below(300));
  const auto bins = best_fit_decreasing(lengths, 512);
  std::set<size_t> seen;
  for (const std::vector<size_t>& bin : bins) {
    int64_t used = 0;
    for (size_t row : bin) {
      EXPECT_TRUE(seen.insert(row).second);
      used += lengths[row];
    }
    EXPECT_LE(used, 512);
  }
  EXPECT_EQ(seen.size(), lengths.size());
  const int64_t all = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  EXPECT_LE(std::ssize(bins), (all + 511) / 512 * 11 / 9 + 1);  // the bound of Johnson 1973
}

}  // namespace
}  // namespace temper::batch
