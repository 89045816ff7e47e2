#include "temper/engine/weights/dequantise.h"

#include <cstring>

#include "temper/foundation/error/error.h"

namespace temper::weights {

namespace {

constexpr int64_t kBlock = 32;

template <class Number>
Number load(const std::byte* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

float half_at(const std::byte* from) {
  return from_f16(load<uint16_t>(from));
}

// Loops of constant length over bytes copied out of the block, so that the compiler vectorises
// them.

void block_q8_0(const std::byte* block, float* out) {
  const float d = half_at(block);
  int8_t q[kBlock];
  std::memcpy(q, block + 2, sizeof q);
  for (int j = 0; j < kBlock; ++j) out[j] = d * static_cast<float>(q[j]);
}

/// Weights q in 4 bits from `nibbles`: out = d·(q - offset) + m.
template <bool has_minimum>
void block_q4(const std::byte* nibbles, float d, float m, float* out) {
  uint8_t q[kBlock / 2];
  std::memcpy(q, nibbles, sizeof q);
  for (int j = 0; j < kBlock / 2; ++j) {
    const int low = q[j] & 15, high = q[j] >> 4;
    out[j] = has_minimum ? d * static_cast<float>(low) + m : d * static_cast<float>(low - 8);
    out[j + 16] = has_minimum ? d * static_cast<float>(high) + m : d * static_cast<float>(high - 8);
  }
}

/// The same with a fifth bit each.
template <bool has_minimum>
void block_q5(const std::byte* fifths, float d, float m, float* out) {
  const auto bits = load<uint32_t>(fifths);
  uint8_t q[kBlock / 2];
  std::memcpy(q, fifths + 4, sizeof q);
  for (int j = 0; j < kBlock / 2; ++j) {
    const int low = (q[j] & 15) | static_cast<int>((bits >> j & 1) << 4);
    const int high = (q[j] >> 4) | static_cast<int>((bits >> (j + 16) & 1) << 4);
    out[j] = has_minimum ? d * static_cast<float>(low) + m : d * static_cast<float>(low - 16);
    out[j + 16] =
        has_minimum ? d * static_cast<float>(high) + m : d * static_cast<float>(high - 16);
  }
}

template <class Block>
void blocks(const std::byte* data, int64_t bytes, float* out, int64_t count, Block block) {
  for (int64_t i = 0; i < count / kBlock; ++i) block(data + i * bytes, out + i * kBlock);
}

}  // namespace

bool readable(Format format) {
  return format <= Format::BF16 || (format >= Format::Q8_0 && format <= Format::Q5_1);
}

float from_f16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = bits >> 10 & 31u, mantissa = bits & 1023u;
  // Subnormals are mantissa·2^-24, exact in float.
  const uint32_t small =
      std::bit_cast<uint32_t>(static_cast<float>(static_cast<int>(mantissa)) * 0x1p-24f);
  const uint32_t usual = (exponent + 112) << 23 | mantissa << 13;
  const uint32_t special = 0x7f800000u | mantissa << 13;
  return std::bit_cast<float>(sign | (exponent == 0 ? small : exponent == 31 ? special : usual));
}

uint16_t to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  uint32_t size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);  // NaN
  if (size >= 0x477ff000u)
    return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and more: infinity
  if (size < 0x38800000u) {
    // Below 2^-14. A float's last bit at 0.5 is 2^-24, a half's smallest step: the addition rounds.
    const float shifted = std::bit_cast<float>(size) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  size += 0xfffu + (size >> 13 & 1u);
  return static_cast<uint16_t>(sign | (size - 0x38000000u) >> 13);
}

void to_float(Format format, std::span<const std::byte> data, float* out, int64_t count) {
  ASSERT(count % file::block_size(format) == 0, "whole blocks");
  ASSERT(static_cast<int64_t>(data.size()) ==
             count / file::block_size(format) * file::block_bytes(format),
         "the bytes of that many numbers");
  const std::byte* from = data.data();
  const int64_t bytes = file::block_bytes(format);
  switch (format) {
    case Format::F64:
      for (int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(load<double>(from + 8 * i));
      return;
    case Format::F32:
      if (count > 0) std::memcpy(out, from, data.size());
      return;
    case Format::F16:
      for (int64_t i = 0; i < count; ++i) out[i] = half_at(from + 2 * i);
      return;
    case Format::BF16:
      for (int64_t i = 0; i < count; ++i) out[i] = from_bf16(load<uint16_t>(from + 2 * i));
      return;
    case Format::Q8_0:
      return blocks(from, bytes, out, count, block_q8_0);
    case Format::Q4_0:
      return blocks(from, bytes, out, count,
                    [](const std::byte* b, float* o) { block_q4<false>(b + 2, half_at(b), 0, o); });
    case Format::Q4_1:
      return blocks(from, bytes, out, count, [](const std::byte* b, float* o) {
        block_q4<true>(b + 4, half_at(b), half_at(b + 2), o);
      });
    case Format::Q5_0:
      return blocks(from, bytes, out, count,
                    [](const std::byte* b, float* o) { block_q5<false>(b + 2, half_at(b), 0, o); });
    case Format::Q5_1:
      return blocks(from, bytes, out, count, [](const std::byte* b, float* o) {
        block_q5<true>(b + 4, half_at(b), half_at(b + 2), o);
      });
    default:
      ASSERT(false, "readable() was asked first");
  }
}

void from_float(Format format, std::span<const float> values, std::span<std::byte> out) {
  ASSERT(out.size() == values.size() * static_cast<size_t>(file::block_bytes(format)),
         "room for every number");
  if (format == Format::F32) {
    if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
    return;
  }
  ASSERT(format == Format::BF16 || format == Format::F16,
         "weights are written as F32, BF16 or F16");
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = format == Format::BF16 ? to_bf16(values[i]) : to_f16(values[i]);
    std::memcpy(out.data() + 2 * i, &bits, 2);
  }
}

}  // namespace temper::weights
