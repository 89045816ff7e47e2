// Stored numbers to float and back. Quantised types are ggml's (ggml-common.h, ggml-quants.c):
// blocks of 32 weights with a half-precision scale d (and minimum m):
//
//   Q8_0  x = d q,        q int8            Q4_0  x = d (q - 8),   q 4 bits
//   Q5_0  x = d (q - 16), q 5 bits          Q4_1, Q5_1  x = d q + m
//
// In the 4-bit types byte j of a block holds weight j in its low half and weight j + 16 in its high
// half; the 5-bit types keep the fifth bits in a 32-bit word, bit j for weight j.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "temper/foundation/file/format.h"

namespace temper::weights {

using file::Format;

/// Whether to_float can read the format.
bool readable(Format format);

/// The first `count` numbers of `data` into `out` [count]. `count` is a multiple of the block size
/// and `data` holds exactly that many; the format is readable().
void to_float(Format format, std::span<const std::byte> data, float* out, int64_t count);

/// `values` as F32, F16 or BF16, rounded to nearest even, into `out`, which holds exactly that many
/// bytes.
void from_float(Format format, std::span<const float> values, std::span<std::byte> out);

/// bfloat16 bits, to nearest even; NaN stays NaN.
inline uint16_t to_bf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float from_bf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

/// IEEE half bits, to nearest even; too large becomes infinity; NaN stays NaN.
uint16_t to_f16(float value);

float from_f16(uint16_t bits);

}  // namespace temper::weights
