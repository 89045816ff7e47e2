#include "temper/foundation/random/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

namespace temper::random {

// The known answers published with the paper's code (Random123, kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Stream, IsAPureFunctionOfSeedPurposeAndPlace) {
  std::set<Words> seen;
  for (uint64_t seed : {0u, 1u, 42u}) {
    for (Purpose purpose : {Purpose::Data, Purpose::Sample, Purpose::Test}) {
      Stream stream(seed, purpose);
      for (At place : {At{}, At{1, 0, 0, 0}, At{0, 1, 0, 0}, At{0, 0, 1, 0}, At{0, 0, 0, 1}}) {
        EXPECT_EQ(stream.at(place).words(), Stream(seed, purpose).at(place).words());
        EXPECT_TRUE(seen.insert(stream.at(place).words()).second);
        EXPECT_TRUE(seen.insert(stream.part(7).at(place).words()).second);
      }
    }
  }
}

// Runs are resumed across versions: these words may never change.
TEST(Stream, KeepsItsNumbersBetweenVersions) {
  Stream stream(42, Purpose::Sample);
  EXPECT_EQ(stream.at(3, 2, 1, 0).words(), (Words{3853428308, 2490852773, 2721955218, 3637622181}));
  EXPECT_EQ(stream.part(5).at(3, 2, 1, 0).words(),
            (Words{1719417857, 41737259, 3187578175, 2362072366}));
}

TEST(Draw, UniformsExcludeBothEnds) {
  Draw low({0, 0, 0, 0}), high({~0u, ~0u, ~0u, ~0u});
  EXPECT_GT(low.uniform_float(), 0.0f);
  EXPECT_LT(high.uniform_float(), 1.0f);
  EXPECT_GT(low.uniform(), 0.0);
  EXPECT_LT(high.uniform(), 1.0);
  EXPECT_EQ(low.below(10), 0u);
  EXPECT_EQ(high.below(10), 9u);
  EXPECT_TRUE(std::isfinite(low.normal()));
}

// Tolerances are six standard errors at 40,000 draws; the draws are fixed, so the test cannot
// flicker.
TEST(Draw, HasTheMomentsOfItsDistribution) {
  constexpr int kDraws = 40000;
  Sequence draws(Stream(1, Purpose::Test));
  double mean = 0, second = 0, normal = 0, square = 0, product = 0;
  std::vector<int> faces(6);
  for (int i = 0; i < kDraws; ++i) {
    Draw draw = draws.next();
    mean += draw.uniform() / kDraws;
    second += draw.uniform() * draw.uniform() / kDraws;
    auto [a, b] = draw.normals();
    normal += a / kDraws;
    square += b * b / kDraws;
    product += a * b / kDraws;
    ++faces[draw.below(6)];
  }
  EXPECT_NEAR(mean, 0.5, 6 * 0.289 / 200);
  EXPECT_NEAR(second, 1.0 / 3, 6 * 0.298 / 200);
  EXPECT_NEAR(normal, 0, 6.0 / 200);
  EXPECT_NEAR(square, 1, 6 * 1.414 / 200);
  EXPECT_NEAR(product, 0, 6.0 / 200);
  for (int count : faces) EXPECT_NEAR(count, kDraws / 6.0, 6 * std::sqrt(kDraws * 5 / 36.0));
}

TEST(Sequence, WalksTheLastWordOfItsPlace) {
  Stream stream(9, Purpose::Task);
  Sequence sequence(stream, {.prompt = 4});
  sequence.next();
  EXPECT_EQ(sequence.next().words(), stream.at(0, 4, 0, 1).words());
  EXPECT_EQ(sequence.drawn(), 2u);
}

TEST(Sequence, ChoosesAndShuffles) {
  Sequence sequence(Stream(9, Purpose::Task));
  for (int i = 0; i < 100; ++i) {
    int64_t value = sequence.between(-2, 2);
    EXPECT_TRUE(value >= -2 && value <= 2);
  }
  EXPECT_NO_THROW(sequence.between(INT64_MIN, INT64_MAX));
  std::vector<std::string> names = {"a", "b"};
  EXPECT_TRUE(sequence.choose(names) == "a" || sequence.choose(names) == "b");
  std::vector<size_t> order = sequence.permutation(1000);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
  EXPECT_TRUE(sequence.permutation(0).empty());
}

}  // namespace temper::random
