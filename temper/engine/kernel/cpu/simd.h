// The vector kernels, as a table of functions on raw memory. simd_lanes.inc writes each of them
// once over 16 virtual lanes; simd_scalar.cpp, simd_avx2.cpp and simd_avx512.cpp compile it for
// their registers. All three give the same bits: every reduction folds the 16 lanes in one fixed
// tree, and every fused multiply-add is explicit.
#pragma once

#include <stdint.h>

namespace temper::kernel {

constexpr int64_t kPanelWidth = 16;  ///< columns of a packed panel
constexpr int64_t kDepth = 320;      ///< steps of a product between two visits of its output
constexpr int64_t kMaxRows = 12;     ///< the largest tile of any instruction set

/// C[m, n] (+)= A[m, k] · B[k, n], one chain over k for each output. Element (k, j) of B stands at
/// b[(j / 16) · panel + k · ldb + j % 16]; 16 columns may always be read.
struct BlockProduct {
  const float* a;
  int64_t lda;
  bool a_columns;  ///< A[i, k] is a[k·lda + i], not a[i·lda + k]
  const void* b;
  bool b_bf16;
  int64_t ldb, panel;
  int64_t m, n, k;
  float* c;
  int64_t ldc;
  bool accumulate;
};

/// dw[out, in] += dyᵀ · x over m rows in order. `scratch`: gradient_scratch(out) floats.
struct BlockGradient {
  const float* dy;
  int64_t ldy;
  const float* x;
  int64_t ldx;
  int64_t m, out, in;
  float* dw;
  int64_t ldw;
  float* scratch;
};
constexpr int64_t gradient_scratch(int64_t out) {
  return (out + kMaxRows) * kDepth;
}

/// A source to be packed: B[k, j] is values[j·ld + k] when transposed, values[k·ld + j] when plain.
struct PackPanel {
  const float* values;
  int64_t ld;
  bool transposed;
  int64_t k, n;  ///< n ≤ 16 columns; the rest of the panel becomes 0
  void* panel;   ///< [k][16]
  bool bf16;
};

/// 16 quantised rows, step by step: out[k][j] = t[code]·scales[j], or code·scales[j]·factor of
/// int8 codes. Rounded to the nearest bf16 when `bf16`.
struct DequantiseSteps {
  const uint8_t* codes;  ///< [steps][16] int8, or with a table [steps][8]: rows j and j + 8 a byte
  const float* table;    ///< [16], or null
  const float* scales;   ///< [16]
  float factor;
  int64_t steps;
  bool bf16;
  float* out;
  int64_t ld;
};

/// Softmax statistics of some logits; `sum` = Σ e, `weighted` = Σ e·(z - max), `squares` = Σ e²
/// with e = exp(z - max).
struct ChunkStatistics {
  float max, sum, weighted, squares;
  int32_t argmax;
};

/// Turns logits into their gradient: w = -(g + e·(z - lse + entropy))·exp(z - lse) / temperature.
struct LogitGradient {
  float* logits;
  int64_t n;
  float temperature, lse, d_logp, d_entropy, entropy;
};

/// Rows of scores [rows][64] against one block of keys; row i sees the first valid[i] (1…64) of
/// them.
struct ScoreRows {
  float* scores;
  int64_t rows;
  const int32_t* begin;  // keys [begin, end) of the block are seen, at least one
  const int32_t* end;
};

struct NormRow {
  const float* x;
  const float* weight;
  int64_t width;
  float eps;
};

struct AdamWStep {
  const float* gradient;
  int64_t n;
  float *parameter, *m, *v;
  float gradient_scale, keep, beta1, rest1, beta2, rest2, step_size, root_correction, eps;
};

struct Simd {
  void (*product)(const BlockProduct&);
  void (*gradient)(const BlockGradient&);
  void (*pack)(const PackPanel&);
  void (*dequantise)(const DequantiseSteps&);
  /// out[j][i] = in[i][j], rows × columns of `in`.
  void (*transpose)(const float* in, int64_t ld_in, int64_t rows, int64_t columns, float* out,
                    int64_t ld_out);

  void (*chunk_statistics)(const float* logits, int64_t n, float temperature, bool index,
                           ChunkStatistics* out);
  /// Joins the statistics of consecutive chunks of 1,024 logits, in order.
  void (*merge_statistics)(const ChunkStatistics* parts, int64_t count, ChunkStatistics* out);
  void (*logit_gradient)(const LogitGradient&);
  /// p = exp(logits / temperature - lse); returns Σ p.
  float (*probabilities)(const float* logits, int64_t n, float temperature, float lse, float* p);

  /// One step of the online softmax: scores become exp(s - new max), max and sum [rows] advance and
  /// the rows of acc [rows][width] are rescaled.
  void (*softmax_step)(const ScoreRows&, float* max, float* sum, float* acc, int64_t width);
  /// scores become p = exp(s - lse); dp becomes p·(dp - delta).
  void (*softmax_gradient)(const ScoreRows&, const float* lse, const float* delta, float* dp);
  float (*dot)(const float* a, const float* b, int64_t n);
  /// out = x / divisor, with -0 made +0.
  void (*divide)(const float* x, int64_t n, float divisor, float* out);

  float (*norm_row)(const NormRow&, float* y);
  void (*norm_row_backward)(const NormRow&, const float* dy, float rstd, float* dx,
                            bool accumulate);
  /// dweight += dy · x · rstd over rows in order, n columns.
  void (*norm_weight)(const float* x, int64_t ldx, const float* dy, int64_t ldy, const float* rstd,
                      int64_t rows, int64_t n, float* dweight);

  void (*swiglu)(const float* gate, const float* up, int64_t n, float* out);
  void (*swiglu_backward)(const float* gate, const float* up, const float* d_out, int64_t n,
                          float* d_gate, float* d_up);
  /// `sign` is +1, or -1 for the transposed rotation.
  void (*rope)(const float* cosine, const float* sine, int64_t half, float sign, float* x);
  void (*add)(const float* x, int64_t n, float* y);
  void (*scale)(float factor, int64_t n, float* values);
  void (*scaled_copy)(const float* x, float factor, int64_t n, float* out);
  double (*sum_of_squares)(const float* values, int64_t n);
  bool (*all_finite)(const float* values, int64_t n);
  void (*adamw)(const AdamWStep&);
  void (*exponential)(const float* x, int64_t n, float* out);
};

namespace scalar {
const Simd& table();
}
namespace avx2 {
const Simd& table();
}
namespace avx512 {
const Simd& table();
}

/// The table of the instruction set in use.
const Simd& simd();

}  // namespace temper::kernel
