#include "temper/engine/model/dither.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "temper/engine/tensor/parallel.h"

namespace temper::model {
namespace {

constexpr uint32_t kBelow = 0xFFFF;  // the bits of a float32 that a bfloat16 lacks
constexpr int64_t kChunk = 8;        // 16-bit numbers in one draw

/// Rounds to `value` again: bits are ordered like magnitudes, and a cell is ± half a bfloat16 step
/// in them, across powers of two as well.
float within_cell(float value, uint32_t random16) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & kBelow) != 0 || value == 0 || !std::isfinite(value)) return value;
  // -0x7FFF … 0x7FFF; the ends of a cell belong to one neighbour or the other.
  return std::bit_cast<float>(bits + random16 % kBelow - 0x7FFF);
}

}  // namespace

void dither(WeightStore& store, const random::Stream& stream) {
  uint32_t number = 0;
  for (const Weight& weight : store.all()) {
    if (!weight.trained()) continue;
    const std::span<float> values = store.master(weight);
    const auto size = static_cast<int64_t>(values.size());
    tensor::parallel((size + kChunk - 1) / kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        const random::Words words = stream
                                        .at({.step = number,
                                             .sample = static_cast<uint32_t>(chunk >> 32),
                                             .token = static_cast<uint32_t>(chunk)})
                                        .words();
        for (int64_t i = chunk * kChunk; i < std::min(size, (chunk + 1) * kChunk); ++i) {
          const int64_t place = i - chunk * kChunk;
          const uint32_t random16 = words[static_cast<size_t>(place / 2)] >> 16 * (place % 2);
          float& value = values[static_cast<size_t>(i)];
          value = within_cell(value, random16 & kBelow);
        }
      }
    });
    ++number;
  }
}

}  // namespace temper::model
