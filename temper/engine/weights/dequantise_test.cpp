#include "temper/engine/weights/dequantise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "temper/foundation/file/safetensors.h"

namespace temper::weights {

namespace {

file::Safetensors vectors() {
  return file::Safetensors::open(SOURCE_DIR "/golden/gguf_quants.safetensors");
}

TEST(Dequantise, QuantisedBlocksEqualGgufsBitForBit) {
  file::Safetensors golden = vectors();
  for (Format format : {Format::Q8_0, Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q5_1}) {
    const std::string name(name_of(format));
    auto wanted = golden.find(name + ".floats")->data, stored = golden.find(name + ".bytes")->data;
    std::vector<float> got(wanted.size() / 4);
    to_float(format, stored, got.data(), static_cast<int64_t>(got.size()));
    EXPECT_EQ(std::memcmp(got.data(), wanted.data(), wanted.size()), 0) << name;
  }
}

TEST(Dequantise, RoundingEqualsNumpysAndGgufs) {
  file::Safetensors golden = vectors();
  auto in = golden.find("rounded.in")->data;
  std::vector<float> numbers(in.size() / 4);
  std::memcpy(numbers.data(), in.data(), in.size());
  for (Format format : {Format::F16, Format::BF16}) {
    auto wanted = golden.find("rounded." + std::string(name_of(format)))->data;
    std::vector<std::byte> got(wanted.size());
    from_float(format, numbers, got);
    EXPECT_EQ(std::memcmp(got.data(), wanted.data(), wanted.size()), 0) << name_of(format);
  }
}

// The sums are golden/gguf_quants.py's: of the float32 bits of every finite pattern.
TEST(Dequantise, EveryHalfAndBfloatMeansWhatItShouldAndComesBack) {
  struct Case {
    Format format;
    uint64_t sum, finite;
  };
  for (Case test :
       {Case{Format::F16, 136053935570944, 63488}, Case{Format::BF16, 139911789281280, 65280}}) {
    uint64_t sum = 0, finite = 0;
    for (uint32_t i = 0; i < 65536; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      float value = 0;
      to_float(test.format, std::as_bytes(std::span(&bits, 1)), &value, 1);
      uint16_t back = 0;
      from_float(test.format, std::span(&value, 1), std::as_writable_bytes(std::span(&back, 1)));
      if (std::isnan(value)) {
        float again = 0;
        to_float(test.format, std::as_bytes(std::span(&back, 1)), &again, 1);
        EXPECT_TRUE(std::isnan(again)) << i;
        continue;
      }
      EXPECT_EQ(back, bits);
      if (!std::isfinite(value)) continue;
      sum += std::bit_cast<uint32_t>(value);
      ++finite;
    }
    EXPECT_EQ(sum, test.sum) << name_of(test.format);
    EXPECT_EQ(finite, test.finite) << name_of(test.format);
  }
}

TEST(Dequantise, DoublesAndFloatsPass) {
  const double doubles[] = {0.1, -2, 1e300};
  float got[3];
  to_float(Format::F64, std::as_bytes(std::span(doubles)), got, 3);
  EXPECT_EQ(got[0], 0.1f);
  EXPECT_EQ(got[2], std::numeric_limits<float>::infinity());
  const float floats[] = {1.5f, -0.0f};
  std::byte bytes[8];
  from_float(Format::F32, floats, bytes);
  to_float(Format::F32, bytes, got, 2);
  EXPECT_EQ(got[0], 1.5f);
  EXPECT_TRUE(std::signbit(got[1]));
}

TEST(Dequantise, OtherTypesAreNotReadable) {
  for (Format format :
       {Format::I64, Format::U8, Format::Bool, Format::Q4_K, Format::Q8_1, Format::MXFP4}) {
    EXPECT_FALSE(readable(format)) << name_of(format);
  }
}

}  // namespace
}  // namespace temper::weights
