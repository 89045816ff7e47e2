#include "temper/engine/kernel/norm.h"

#include <algorithm>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel {

void rms_norm(const RmsNorm& n, float* y, int64_t ldy, float* rstd) {
  cpu::share(n.rows, 8 * n.width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float r = simd().norm_row(
          {n.x + i * n.ldx, n.weight, n.width, static_cast<float>(n.eps)}, y + i * ldy);
      if (rstd != nullptr) rstd[i] = r;
    }
  });
}

void rms_norm_backward(const RmsNorm& n, const float* dy, int64_t ldy, const float* rstd, float* dx,
                       bool accumulate, float* dweight) {
  if (dweight != nullptr) {  // before dx, which may stand where dy does
    constexpr int64_t kColumns = 64;
    cpu::share((n.width + kColumns - 1) / kColumns, 8 * n.rows * kColumns,
               [&](int64_t begin, int64_t end) {
                 const int64_t first = begin * kColumns, last = std::min(n.width, end * kColumns);
                 for (int64_t j = first; j < last; j += kColumns) {
                   simd().norm_weight(n.x + j, n.ldx, dy + j, ldy, rstd, n.rows,
                                      std::min(kColumns, last - j), dweight + j);
                 }
               });
  }
  cpu::share(n.rows, 12 * n.width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      simd().norm_row_backward({n.x + i * n.ldx, n.weight, n.width, 0}, dy + i * ldy, rstd[i],
                               dx + i * n.ldx, accumulate);
    }
  });
}

}  // namespace temper::kernel
