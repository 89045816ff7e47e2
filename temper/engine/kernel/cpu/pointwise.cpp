#include "temper/engine/kernel/pointwise.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel {
namespace {

constexpr int64_t kBlock = 4096;
int64_t blocks(int64_t n) {
  return (n + kBlock - 1) / kBlock;
}

/// body(first, count) on blocks of 4,096 of n values.
template <class F>
void by_blocks(int64_t n, F body) {
  cpu::share(blocks(n), kBlock, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) body(b * kBlock, std::min(kBlock, n - b * kBlock));
  });
}

/// body(first, count) on blocks of 64 columns; each holds all rows.
template <class F>
void by_columns(int64_t rows, int64_t width, F body) {
  constexpr int64_t kColumns = 64;
  cpu::share((width + kColumns - 1) / kColumns, 4 * rows * kColumns,
             [&](int64_t begin, int64_t end) {
               const int64_t first = begin * kColumns;
               body(first, std::min(width, end * kColumns) - first);
             });
}

void rotate(const Rope& rope, const int32_t* positions, int64_t rows, int64_t heads, float* x,
            int64_t ldx, float sign) {
  const int64_t half = rope.head_dim / 2;
  cpu::share(rows, 4 * heads * rope.head_dim, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = positions[i] * half;
      for (int64_t h = 0; h < heads; ++h) {
        simd().rope(rope.cosine + at, rope.sine + at, half, sign, x + i * ldx + h * rope.head_dim);
      }
    }
  });
}

}  // namespace

void swiglu(const float* gate_up, int64_t rows, int64_t width, float* out) {
  cpu::share(rows, 16 * width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* gate = gate_up + 2 * i * width;
      simd().swiglu(gate, gate + width, width, out + i * width);
    }
  });
}

void swiglu_backward(const float* gate_up, const float* d_out, int64_t rows, int64_t width,
                     float* d_gate_up) {
  cpu::share(rows, 24 * width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* gate = gate_up + 2 * i * width;
      float* to = d_gate_up + 2 * i * width;
      simd().swiglu_backward(gate, gate + width, d_out + i * width, width, to, to + width);
    }
  });
}

void rope(const Rope& rope, const int32_t* positions, int64_t rows, int64_t heads, float* x,
          int64_t ldx) {
  rotate(rope, positions, rows, heads, x, ldx, 1);
}

void rope_backward(const Rope& rope, const int32_t* positions, int64_t rows, int64_t heads,
                   float* dx, int64_t ldx) {
  rotate(rope, positions, rows, heads, dx, ldx, -1);
}

void add(const float* x, int64_t n, float* y) {
  by_blocks(n, [&](int64_t at, int64_t count) { simd().add(x + at, count, y + at); });
}

void add_bias(const float* bias, int64_t rows, int64_t width, float* y, int64_t ldy) {
  cpu::share(rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) simd().add(bias, width, y + i * ldy);
  });
}

void bias_gradient(const float* dy, int64_t ldy, int64_t rows, int64_t width, float* dbias) {
  by_columns(rows, width, [&](int64_t first, int64_t count) {
    for (int64_t i = 0; i < rows; ++i) simd().add(dy + i * ldy + first, count, dbias + first);
  });
}

void scale_columns(const float* factors, const Columns& c, int64_t rows, int64_t width) {
  cpu::share(rows, width, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* x = c.x + i * c.ldx;
      float* y = c.y + i * c.ldy;
      for (int64_t j = 0; j < width; ++j) y[j] = x[j] * factors[j];
    }
  });
}

void column_products(const Columns& c, int64_t rows, int64_t width, float* sums) {
  by_columns(rows, width, [&](int64_t first, int64_t count) {
    for (int64_t i = 0; i < rows; ++i) {
      const float *x = c.x + i * c.ldx, *y = c.y + i * c.ldy;
      for (int64_t j = first; j < first + count; ++j) sums[j] += x[j] * y[j];
    }
  });
}

void embedding_gradient(const float* dy, const int32_t* ids, int64_t rows, int64_t width,
                        float* dtable) {
  by_columns(rows, width, [&](int64_t first, int64_t count) {
    for (int64_t i = 0; i < rows; ++i) {
      simd().add(dy + i * width + first, count, dtable + ids[i] * width + first);
    }
  });
}

double sum_of_squares(const float* values, int64_t n) {
  std::vector<double> sums(static_cast<size_t>(blocks(n)));
  by_blocks(n, [&](int64_t at, int64_t count) {
    sums[static_cast<size_t>(at / kBlock)] = simd().sum_of_squares(values + at, count);
  });
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

bool all_finite(const float* values, int64_t n) {
  std::atomic<bool> good{true};
  by_blocks(n, [&](int64_t at, int64_t count) {
    if (good.load(std::memory_order_relaxed) && !simd().all_finite(values + at, count))
      good = false;
  });
  return good;
}

void scale(float factor, int64_t n, float* values) {
  by_blocks(n, [&](int64_t at, int64_t count) { simd().scale(factor, count, values + at); });
}

}  // namespace temper::kernel
