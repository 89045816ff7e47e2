#include "temper/engine/kernel/adamw_8bit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "temper/engine/kernel/cpu/product.h"

namespace temper::kernel {
namespace {

/// Decades of the dynamic data type: steps 0.1 … 1 of each, halved in number from one to the next
/// smaller one, and each step stands for its middle.
std::array<float, 256> make_map(Sign sign) {
  constexpr int kDecades = 7;
  std::array<float, 256> map{};
  size_t count = 0;
  map[count++] = 0;
  map[count++] = 1;
  for (int decade = 0; decade < kDecades; ++decade) {
    const int steps = sign == Sign::Signed ? 1 << decade : 2 << decade;
    const auto place = static_cast<float>(std::pow(10.0, decade - kDecades + 1));
    auto edge = [&](int i) {
      return static_cast<float>(0.1 + 0.9 * static_cast<double>(i) / static_cast<double>(steps));
    };
    for (int i = 0; i < steps; ++i) {
      const float middle = place * ((edge(i) + edge(i + 1)) / 2);
      map[count++] = middle;
      if (sign == Sign::Signed) map[count++] = -middle;
    }
  }
  std::sort(map.begin(), map.end());
  return map;
}

/// Finds the nearest entry in one look-up and one comparison: no two midpoints share a sign,
/// exponent and first seven bits of the fraction.
class Nearest {
 public:
  explicit Nearest(const std::array<float, 256>& map) {
    constexpr float kEnd = std::numeric_limits<float>::infinity();
    below_[0] = -kEnd;
    above_[255] = kEnd;
    for (size_t i = 0; i + 1 < 256; ++i) below_[i + 1] = above_[i] = (map[i] + map[i + 1]) / 2;
    for (uint32_t top = 0; top < 1U << 16; ++top) {
      const float edge = std::bit_cast<float>(top << 16);
      const auto place = std::upper_bound(above_.begin(), above_.end() - 1, edge);
      first_[top] = static_cast<uint8_t>(place - above_.begin());
    }
  }

  uint8_t operator()(float x) const {
    const uint8_t code = first_[std::bit_cast<uint32_t>(x) >> 16];
    const int up = x >= above_[code] ? 1 : 0, down = x < below_[code] ? 1 : 0;
    return static_cast<uint8_t>(code + up - down);
  }

 private:
  std::array<uint8_t, 1 << 16> first_{};
  std::array<float, 256> below_{}, above_{};
};

const Nearest& nearest(Sign sign) {
  static const Nearest with(dynamic_map(Sign::Signed)), without(dynamic_map(Sign::Unsigned));
  return sign == Sign::Signed ? with : without;
}

void quantise_block(const float* values, int64_t n, const Nearest& find, uint8_t* codes,
                    float& scale) {
  float largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(values[i]));
  scale = largest;
  const float inverse = largest > 0 ? 1 / largest : 0;
  for (int64_t i = 0; i < n; ++i) codes[i] = find(values[i] * inverse);
}

void dequantise_block(const uint8_t* codes, float scale, int64_t n,
                      const std::array<float, 256>& map, float* values) {
  for (int64_t i = 0; i < n; ++i) values[i] = map[codes[i]] * scale;
}

template <class F>
void each_block(int64_t n, F&& body) {
  cpu::share((n + kQuantBlock - 1) / kQuantBlock, 16 * kQuantBlock,
             [&](int64_t begin, int64_t end) {
               for (int64_t b = begin; b < end; ++b) {
                 const int64_t at = b * kQuantBlock;
                 body(b, at, std::min(kQuantBlock, n - at));
               }
             });
}

}  // namespace

const std::array<float, 256>& dynamic_map(Sign sign) {
  static const std::array<float, 256> with = make_map(Sign::Signed),
                                      without = make_map(Sign::Unsigned);
  return sign == Sign::Signed ? with : without;
}

uint8_t zero_code(Sign sign) {
  return nearest(sign)(0);
}

void quantise(const float* values, int64_t n, Sign sign, const Codes& out) {
  const Nearest& find = nearest(sign);
  each_block(n, [&](int64_t block, int64_t at, int64_t count) {
    quantise_block(values + at, count, find, out.codes + at, out.scales[block]);
  });
}

void dequantise(const Codes& in, int64_t n, Sign sign, float* values) {
  const std::array<float, 256>& map = dynamic_map(sign);
  each_block(n, [&](int64_t block, int64_t at, int64_t count) {
    dequantise_block(in.codes + at, in.scales[block], count, map, values + at);
  });
}

void adamw_8bit(const AdamW& options, const float* gradient, int64_t n, float* parameter,
                const Codes& m, const Codes& v) {
  const std::array<float, 256>&signs = dynamic_map(Sign::Signed),
                          &squares = dynamic_map(Sign::Unsigned);
  const Nearest &find_m = nearest(Sign::Signed), &find_v = nearest(Sign::Unsigned);
  each_block(n, [&](int64_t block, int64_t at, int64_t count) {
    std::array<float, kQuantBlock> first, second;
    dequantise_block(m.codes + at, m.scales[block], count, signs, first.data());
    dequantise_block(v.codes + at, v.scales[block], count, squares, second.data());
    adamw(options, gradient + at, count, parameter + at, first.data(), second.data());
    quantise_block(first.data(), count, find_m, m.codes + at, m.scales[block]);
    quantise_block(second.data(), count, find_v, v.codes + at, v.scales[block]);
  });
}

}  // namespace temper::kernel
