// RMSNorm (Zhang & Sennrich 2019, arXiv 1910.07467, eq. 4), as Llama uses it:
//
//   y_i = w_i · x_i · r,    r = 1 / sqrt(mean(x²) + eps)
#pragma once

#include <cstdint>

namespace temper::kernel {

struct RmsNorm {
  int64_t rows, width;
  const float* x;       // [rows, width]
  int64_t ldx;          // row stride of x (and of dx)
  const float* weight;  // [width]
  double eps;
};
/// y: [rows, width], row stride ldy. rstd: [rows], or null. y may be x.
void rms_norm(const RmsNorm& norm, float* y, int64_t ldy, float* rstd);
/// dx (+)= gradient, row stride norm.ldx; dweight [width] += over the rows in order (null:
/// skipped).
void rms_norm_backward(const RmsNorm& norm, const float* dy, int64_t ldy, const float* rstd,
                       float* dx, bool accumulate, float* dweight);

}  // namespace temper::kernel
