// AdamW whose two moments are kept in a byte each: Dettmers et al. 2022 (arXiv 2110.02861), "8-bit
// Optimizers via Block-wise Quantization", with bitsandbytes' numbers.
//
//   x ≈ scale · map[code],   scale = max |x| over a block of 256,   code = the nearest entry
//
// map is their dynamic data type: 7 decades below 1, the larger the decade the more steps in it, so
// that small and large values of a block both keep a relative precision. m takes the signed map, v,
// which is never negative, the unsigned one. A step unpacks a block, does AdamW in float32 (see
// adamw.h) and packs it again: 2 bytes a number for both moments, where float32 takes 8.
#pragma once

#include <array>
#include <cstdint>

#include "temper/engine/kernel/adamw.h"

namespace temper::kernel {

inline constexpr int64_t kQuantBlock = 256;

enum class Sign : uint8_t { Signed, Unsigned };

/// The 256 entries, ascending, within [-1, 1] or [0, 1].
const std::array<float, 256>& dynamic_map(Sign sign);
/// The code of 0 in it.
uint8_t zero_code(Sign sign);

/// n numbers in blocks of 256, the last one shorter: a code each, a scale a block.
struct Codes {
  uint8_t* codes;
  float* scales;
};
void quantise(const float* values, int64_t n, Sign sign, const Codes& out);
void dequantise(const Codes& in, int64_t n, Sign sign, float* values);

void adamw_8bit(const AdamW& options, const float* gradient, int64_t n, float* parameter,
                const Codes& m, const Codes& v);

}  // namespace temper::kernel
