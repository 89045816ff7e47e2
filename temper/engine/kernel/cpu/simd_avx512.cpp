// 16 lanes as one AVX-512 register.
#pragma GCC optimize("O2", "tree-vectorize")
// GCC 12's own intrinsics start from a register they leave undefined on purpose.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel::avx512 {
namespace {

constexpr int kRows = 12;  // 12 × 32 outputs fill 24 of the 32 registers
constexpr int wide(int rows) {
  return rows == 1 ? 4 : 2;
}

struct F16 {
  __m512 all;
};
struct M16 {
  __mmask16 all;
};

inline F16 load16(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline F16 load16(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
inline F16 load16(const int8_t* p) {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline F16 lookup16(F16 table, const uint8_t* p) {  // lane i + 8 in the high half
  const __m256i both = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  const __m512i index =
      _mm512_inserti64x4(_mm512_castsi256_si512(both), _mm256_srli_epi32(both, 4), 1);
  return {_mm512_permutexvar_ps(_mm512_and_si512(index, _mm512_set1_epi32(15)), table.all)};
}
inline F16 round16(F16 a) {  // to the nearest bf16, ties to even
  const __m512i bits = _mm512_castps_si512(a.all);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  return {_mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(-0x10000)))};
}
inline void store16(float* p, F16 a) {
  _mm512_storeu_ps(p, a.all);
}
inline F16 set16(float x) {
  return {_mm512_set1_ps(x)};
}
inline F16 add16(F16 a, F16 b) {
  return {_mm512_add_ps(a.all, b.all)};
}
inline F16 sub16(F16 a, F16 b) {
  return {_mm512_sub_ps(a.all, b.all)};
}
inline F16 mul16(F16 a, F16 b) {
  return {_mm512_mul_ps(a.all, b.all)};
}
inline F16 div16(F16 a, F16 b) {
  return {_mm512_div_ps(a.all, b.all)};
}
inline F16 max16(F16 a, F16 b) {
  return {_mm512_max_ps(a.all, b.all)};
}
inline F16 sqrt16(F16 a) {
  return {_mm512_sqrt_ps(a.all)};
}
inline F16 fma16(F16 a, F16 b, F16 c) {
  return {_mm512_fmadd_ps(a.all, b.all, c.all)};
}
inline M16 less16(F16 a, F16 b) {
  return {_mm512_cmp_ps_mask(a.all, b.all, _CMP_LT_OQ)};
}
inline F16 select16(M16 m, F16 a, F16 b) {
  return {_mm512_mask_blend_ps(m.all, b.all, a.all)};
}
inline F16 shift_exponent16(F16 p, F16 n) {
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.all),
                                               _mm512_slli_epi32(_mm512_castps_si512(n.all), 23)))};
}
inline int equal_lanes16(F16 a, F16 b) {  // one bit a lane
  return _mm512_cmp_ps_mask(a.all, b.all, _CMP_EQ_OQ);
}
inline __m256 upper(F16 a) {
  return _mm512_extractf32x8_ps(a.all, 1);
}
inline float sum16(F16 a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.all), upper(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float largest16(F16 a) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.all), upper(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float first16(F16 a) {
  return _mm512_cvtss_f32(a.all);
}

#include "temper/engine/kernel/cpu/simd_lanes.inc"

}  // namespace

const Simd& table() {
  return kTable;
}

}  // namespace temper::kernel::avx512
