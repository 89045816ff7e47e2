#include "temper/engine/model/dither.h"

#include <gtest/gtest.h>

#include <cmath>

namespace temper::model {
namespace {

constexpr int64_t kSize = 200'003;  // not a multiple of a draw

/// One trained vector of weights on the bfloat16 grid, of both signs, some of them powers of two.
struct Grid {
  explicit Grid(float scale) : weight(&store.add("w", 1, kSize, false)) {
    store.train({{weight}});
    std::vector<float> values(kSize);
    for (int64_t i = 0; i < kSize; ++i) {
      const float size =
          std::ldexp(1.0f + static_cast<float>(i % 128) / 128, static_cast<int>(i % 3));
      values[static_cast<size_t>(i)] = kernel::round_bf16(i % 2 ? -scale * size : scale * size);
    }
    values[7] = 0;
    store.assign(*weight, values, kernel::Dtype::BFloat16, false);
  }
  std::vector<float> copies() const {
    std::vector<float> out(kSize);
    store.read(*weight, out);
    return out;
  }
  WeightStore store;
  Weight* weight;
};

random::Stream stream(uint64_t seed) {
  return {seed, random::Purpose::Dither};
}

TEST(Dither, LeavesTheForwardCopiesAlone) {
  Grid grid(0.125f);
  const std::vector<float> before = grid.copies();
  dither(grid.store, stream(1));
  grid.store.refresh(*grid.weight, kernel::Dtype::BFloat16, false);
  EXPECT_EQ(before, grid.copies());
  int64_t moved = 0;
  for (int64_t i = 0; i < kSize; ++i)
    moved +=
        grid.store.master(*grid.weight)[static_cast<size_t>(i)] != before[static_cast<size_t>(i)];
  EXPECT_GT(moved, kSize * 99 / 100);
  EXPECT_EQ(grid.store.master(*grid.weight)[7], 0);
}

/// A step of a tenth of the cell: no copy notices from the grid, one in ten does after dithering,
/// and the mean of the copies moves as far as the masters.
TEST(Dither, SmallStepsReachTheForwardCopies) {
  for (const bool dithered : {false, true}) {
    Grid grid(0.125f);
    const std::vector<float> before = grid.copies();
    if (dithered) dither(grid.store, stream(1));
    const float cell = std::ldexp(1.0f, -10);  // of values in [1/8, 1/4)
    for (float& master : grid.store.master(*grid.weight)) master += 0.1f * cell;
    grid.store.refresh(*grid.weight, kernel::Dtype::BFloat16, false);
    const std::vector<float> after = grid.copies();
    double moved = 0;
    int64_t changed = 0, counted = 0;
    for (int64_t i = 0; i < kSize; ++i) {
      const double was = before[static_cast<size_t>(i)];
      if (std::abs(was) <= 0.125 || std::abs(was) >= 0.2499) continue;
      ++counted;
      moved += after[static_cast<size_t>(i)] - was;
      changed += after[static_cast<size_t>(i)] != before[static_cast<size_t>(i)];
    }
    ASSERT_GT(counted, 50'000);
    const double share = static_cast<double>(changed) / static_cast<double>(counted);
    EXPECT_NEAR(share, dithered ? 0.1 : 0.0, 0.005);
    EXPECT_NEAR(moved / static_cast<double>(counted), dithered ? 0.1 * cell : 0.0, 0.005 * cell);
  }
}

TEST(Dither, MastersOffTheGridStay) {
  Grid grid(0.125f);
  for (float& master : grid.store.master(*grid.weight)) master = 0.3f;
  dither(grid.store, stream(1));
  for (float master : grid.store.master(*grid.weight)) ASSERT_EQ(master, 0.3f);
}

TEST(Dither, TheSeedDecides) {
  Grid one(0.125f), same(0.125f), other(0.125f);
  dither(one.store, stream(1));
  dither(same.store, stream(1));
  dither(other.store, stream(2));
  EXPECT_TRUE(std::ranges::equal(one.store.masters(), same.store.masters()));
  EXPECT_FALSE(std::ranges::equal(one.store.masters(), other.store.masters()));
}

}  // namespace
}  // namespace temper::model
