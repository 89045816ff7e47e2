// 16 lanes as two AVX2 registers.
#pragma GCC optimize("O2", "tree-vectorize")
#include <immintrin.h>

#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel::avx2 {
namespace {

constexpr int kRows = 6;  // 6 × 16 outputs fill 12 of the 16 registers
constexpr int wide(int rows) {
  return rows == 1 ? 4 : rows <= 3 ? 2 : 1;
}

struct F16 {
  __m256 lo, hi;
};
struct M16 {
  __m256 lo, hi;
};

inline F16 load16(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
inline __m256 widen(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
inline F16 load16(const uint16_t* p) {
  return {widen(p), widen(p + 8)};
}
inline __m256 widen(const int8_t* p) {
  return _mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline F16 load16(const int8_t* p) {
  return {widen(p), widen(p + 8)};
}
inline __m256 lookup(F16 table, __m256i index) {
  const __m256 low = _mm256_permutevar8x32_ps(table.lo, index);
  const __m256 high = _mm256_permutevar8x32_ps(table.hi, index);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}
inline F16 lookup16(F16 table, const uint8_t* p) {  // lane i + 8 in the high half
  const __m256i both = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return {lookup(table, _mm256_and_si256(both, _mm256_set1_epi32(15))),
          lookup(table, _mm256_srli_epi32(both, 4))};
}
inline __m256 round_bf16(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  return _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(-0x10000)));
}
inline F16 round16(F16 a) {  // to the nearest bf16, ties to even
  return {round_bf16(a.lo), round_bf16(a.hi)};
}
inline void store16(float* p, F16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline F16 set16(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
inline F16 add16(F16 a, F16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline F16 sub16(F16 a, F16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline F16 mul16(F16 a, F16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline F16 div16(F16 a, F16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline F16 max16(F16 a, F16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline F16 sqrt16(F16 a) {
  return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}
inline F16 fma16(F16 a, F16 b, F16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline M16 less16(F16 a, F16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
inline F16 select16(M16 m, F16 a, F16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}
inline __m256 shift_exponent(__m256 p, __m256 n) {
  return _mm256_castsi256_ps(
      _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(n), 23)));
}
inline F16 shift_exponent16(F16 p, F16 n) {
  return {shift_exponent(p.lo, n.lo), shift_exponent(p.hi, n.hi)};
}
inline int equal_lanes16(F16 a, F16 b) {  // one bit a lane
  return _mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ)) |
         _mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)) << 8;
}
inline float sum16(F16 a) {
  const __m256 eight = _mm256_add_ps(a.lo, a.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float largest16(F16 a) {
  const __m256 eight = _mm256_max_ps(a.lo, a.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float first16(F16 a) {
  return _mm256_cvtss_f32(a.lo);
}

#include "temper/engine/kernel/cpu/simd_lanes.inc"

}  // namespace

const Simd& table() {
  return kTable;
}

}  // namespace temper::kernel::avx2
