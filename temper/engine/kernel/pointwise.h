// Elementwise pieces of a transformer block, and the embedding.
#pragma once

#include <cstdint>

namespace temper::kernel {

/// SwiGLU (Shazeer 2020, arXiv 2002.05202): out = silu(gate) · up, silu(g) = g / (1 + e^-g).
/// gate_up: [rows, 2·width], gate first; out: [rows, width].
void swiglu(const float* gate_up, int64_t rows, int64_t width, float* out);
/// Overwrites gate_up's gradient buffer d_gate_up [rows, 2·width].
void swiglu_backward(const float* gate_up, const float* d_out, int64_t rows, int64_t width,
                     float* d_gate_up);

/// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) in the half-split form of Llama:
/// with a = x[i], b = x[i + d/2]:  x[i] = a·cos - b·sin,  x[i + d/2] = b·cos + a·sin. `cosine` and
/// `sine`: [positions, head_dim/2] tables, already scaled. x: [rows, heads, head_dim] with row
/// stride ldx.
struct Rope {
  const float* cosine;
  const float* sine;
  int64_t head_dim;
};
void rope(const Rope& rope, const int32_t* positions, int64_t rows, int64_t heads, float* x,
          int64_t ldx);
/// The transposed rotation, in place on the gradient.
void rope_backward(const Rope& rope, const int32_t* positions, int64_t rows, int64_t heads,
                   float* dx, int64_t ldx);

/// y += x, n values.
void add(const float* x, int64_t n, float* y);
/// y[row, :] += bias, and its gradient dbias += Σ_rows dy in row order.
void add_bias(const float* bias, int64_t rows, int64_t width, float* y, int64_t ldy);
void bias_gradient(const float* dy, int64_t ldy, int64_t rows, int64_t width, float* dbias);

/// Two matrices of as many rows; y may be x in scale_columns.
struct Columns {
  const float* x;
  int64_t ldx;
  float* y;
  int64_t ldy;
};
/// y[row, :] = x[row, :] · factors
void scale_columns(const float* factors, const Columns& c, int64_t rows, int64_t width);
/// sums += Σ_rows x·y, in row order. sums: [width].
void column_products(const Columns& c, int64_t rows, int64_t width, float* sums);

/// dtable[ids[t], :] += dy[t, :], in the order of t for each id. dtable: [vocabulary, width].
void embedding_gradient(const float* dy, const int32_t* ids, int64_t rows, int64_t width,
                        float* dtable);

/// Sum of squares in a fixed order that does not depend on threads: blocks of 4,096 values, each
/// summed in double, the block sums added in order.
double sum_of_squares(const float* values, int64_t n);
/// True when every value is finite.
bool all_finite(const float* values, int64_t n);
/// values *= factor.
void scale(float factor, int64_t n, float* values);

}  // namespace temper::kernel
