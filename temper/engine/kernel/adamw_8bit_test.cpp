#include "temper/engine/kernel/adamw_8bit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "temper/engine/kernel/reference/sample.h"

namespace temper::kernel {

using nlohmann::json;
using reference::sample;

struct Packed {
  explicit Packed(int64_t n)
      : codes(static_cast<size_t>(n)),
        scales(static_cast<size_t>((n + kQuantBlock - 1) / kQuantBlock)) {}
  Codes view() { return {codes.data(), scales.data()}; }
  std::vector<uint8_t> codes;
  std::vector<float> scales;
};

TEST(AdamW8bit, TheMapAndTheCodesAreBitsandbytes) {
  const json recorded = json::parse(std::ifstream(SOURCE_DIR "/golden/adamw_8bit.json"));
  for (const auto& [name, sign] :
       {std::pair{"signed", Sign::Signed}, std::pair{"unsigned", Sign::Unsigned}}) {
    const json& wanted = recorded[name];
    const auto map = wanted["map"].get<std::vector<float>>();
    for (size_t i = 0; i < 256; ++i) {
      // they add and halve float32 boundaries in another order
      EXPECT_NEAR(dynamic_map(sign)[i], map[i], 3e-7 * std::abs(map[i]) + 1e-12) << name << i;
    }
    const auto values = wanted["values"].get<std::vector<float>>();
    Packed packed(std::ssize(values));
    quantise(values.data(), std::ssize(values), sign, packed.view());
    EXPECT_EQ(packed.codes, wanted["codes"].get<std::vector<uint8_t>>()) << name;
    EXPECT_EQ(packed.scales, wanted["scales"].get<std::vector<float>>()) << name;
  }
}

TEST(AdamW8bit, EveryEntryIsItsOwnNearestAndZeroStaysZero) {
  for (const Sign sign : {Sign::Signed, Sign::Unsigned}) {
    std::vector<float> values(dynamic_map(sign).begin(), dynamic_map(sign).end());
    Packed packed(256);
    quantise(values.data(), 256, sign, packed.view());
    for (size_t i = 0; i < 256; ++i) EXPECT_EQ(packed.codes[i], i);
    std::vector<float> back(256);
    dequantise(packed.view(), 256, sign, back.data());
    EXPECT_EQ(back, values);
    std::fill(values.begin(), values.end(), 0.0F);
    quantise(values.data(), 256, sign, packed.view());
    EXPECT_EQ(packed.scales[0], 0);
    EXPECT_EQ(packed.codes[3], zero_code(sign));
    EXPECT_EQ(dynamic_map(sign)[zero_code(sign)], 0);
  }
}

TEST(AdamW8bit, FollowsAdamWOnANoisyBowl) {
  constexpr int64_t kNumbers = 1000;
  const std::vector<float> start = sample(kNumbers, 1), target = sample(kNumbers, 2);
  std::vector<float> whole = start, packed = start, m(start.size()), v(start.size());
  Packed m8(kNumbers), v8(kNumbers);
  std::fill(m8.codes.begin(), m8.codes.end(), zero_code(Sign::Signed));
  std::fill(v8.codes.begin(), v8.codes.end(), zero_code(Sign::Unsigned));
  auto loss = [&](const std::vector<float>& p) {
    double sum = 0;
    for (size_t i = 0; i < p.size(); ++i) sum += std::pow(double{p[i]} - double{target[i]}, 2);
    return sum / static_cast<double>(kNumbers);
  };
  for (int64_t step = 1; step <= 200; ++step) {
    const std::vector<float> noise = sample(kNumbers, static_cast<uint64_t>(step) + 9, 0.1F);
    const AdamW options{0.02, 0.9, 0.999, 1e-8, 0, step, 1};
    auto slope = [&](const std::vector<float>& p) {
      std::vector<float> g(p.size());
      for (size_t i = 0; i < p.size(); ++i) g[i] = p[i] - target[i] + noise[i];
      return g;
    };
    adamw(options, slope(whole).data(), kNumbers, whole.data(), m.data(), v.data());
    adamw_8bit(options, slope(packed).data(), kNumbers, packed.data(), m8.view(), v8.view());
  }
  EXPECT_LT(loss(whole), 0.02 * loss(start));
  EXPECT_NEAR(loss(packed), loss(whole), 0.02 * loss(start));  // the packed moments' own noise
  EXPECT_NE(packed, whole);
}

TEST(AdamW8bit, BitsDependOnNeitherThreadsNorInstructionSet) {
  EXPECT_EQ(reference::differing_setting([] {
              constexpr int64_t kNumbers = 20001;
              std::vector<float> p = sample(kNumbers, 1);
              const std::vector<float> g = sample(kNumbers, 3);
              Packed m(kNumbers), v(kNumbers);
              for (int64_t step = 1; step <= 2; ++step) {
                adamw_8bit({1e-3, 0.9, 0.99, 1e-8, 0.1, step, 0.7}, g.data(), kNumbers, p.data(),
                           m.view(), v.view());
              }
              p.insert(p.end(), v.codes.begin(), v.codes.end());
              p.insert(p.end(), m.scales.begin(), m.scales.end());
              return p;
            }),
            "");
}

}  // namespace temper::kernel
