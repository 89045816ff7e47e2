// 16 lanes as an array, for processors without AVX2 and as the plainest statement of the vector
// code.
#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel::scalar {
namespace {

constexpr int kRows = 6;
constexpr int wide(int) {
  return 1;
}

struct F16 {
  float at[16];
};
struct M16 {
  bool at[16];
};

template <class F>
inline F16 each(F f) {
  F16 out;
  for (int i = 0; i < 16; ++i) out.at[i] = f(i);
  return out;
}

inline F16 load16(const float* p) {
  return each([&](int i) { return p[i]; });
}
inline F16 load16(const uint16_t* p) {
  return each([&](int i) { return __builtin_bit_cast(float, static_cast<uint32_t>(p[i]) << 16); });
}
inline F16 load16(const int8_t* p) {
  return each([&](int i) { return static_cast<float>(p[i]); });
}
inline F16 lookup16(const F16& table, const uint8_t* p) {  // lane i + 8 in the high half
  return each([&](int i) { return table.at[i < 8 ? p[i] & 15 : p[i - 8] >> 4]; });
}
inline F16 round16(const F16& a) {  // to the nearest bf16, ties to even
  return each([&](int i) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, a.at[i]);
    return __builtin_bit_cast(float, (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
  });
}
inline void store16(float* p, const F16& a) {
  for (int i = 0; i < 16; ++i) p[i] = a.at[i];
}
inline F16 set16(float x) {
  return each([&](int) { return x; });
}
inline F16 add16(const F16& a, const F16& b) {
  return each([&](int i) { return a.at[i] + b.at[i]; });
}
inline F16 sub16(const F16& a, const F16& b) {
  return each([&](int i) { return a.at[i] - b.at[i]; });
}
inline F16 mul16(const F16& a, const F16& b) {
  return each([&](int i) { return a.at[i] * b.at[i]; });
}
inline F16 div16(const F16& a, const F16& b) {
  return each([&](int i) { return a.at[i] / b.at[i]; });
}
inline float larger(float a, float b) {
  return a > b ? a : b;
}  // b when either is NaN
inline F16 max16(const F16& a, const F16& b) {
  return each([&](int i) { return larger(a.at[i], b.at[i]); });
}
inline F16 sqrt16(const F16& a) {
  return each([&](int i) { return __builtin_sqrtf(a.at[i]); });
}
inline F16 fma16(const F16& a, const F16& b, const F16& c) {
  return each([&](int i) { return __builtin_fmaf(a.at[i], b.at[i], c.at[i]); });
}
inline M16 less16(const F16& a, const F16& b) {
  M16 out;
  for (int i = 0; i < 16; ++i) out.at[i] = a.at[i] < b.at[i];
  return out;
}
inline F16 select16(const M16& m, const F16& a, const F16& b) {
  return each([&](int i) { return m.at[i] ? a.at[i] : b.at[i]; });
}
inline F16 shift_exponent16(const F16& p, const F16& n) {
  return each([&](int i) {
    return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, p.at[i]) +
                                         (__builtin_bit_cast(uint32_t, n.at[i]) << 23));
  });
}
inline int equal_lanes16(const F16& a, const F16& b) {  // one bit a lane
  int bits = 0;
  for (int i = 0; i < 16; ++i) bits |= (a.at[i] == b.at[i]) << i;
  return bits;
}
inline float sum16(F16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.at[i] += a.at[i + half];
  }
  return a.at[0];
}
inline float largest16(F16 a) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) a.at[i] = larger(a.at[i], a.at[i + half]);
  }
  return a.at[0];
}
inline float first16(const F16& a) {
  return a.at[0];
}

#include "temper/engine/kernel/cpu/simd_lanes.inc"

}  // namespace

const Simd& table() {
  return kTable;
}

}  // namespace temper::kernel::scalar
