// The adapter to at::native::cpublas::brgemm, which is not a stable interface: every use is here.
// A is rounded to bf16. One call runs over the whole of K (blocks of 2,048 steps above 4,096), so
// an output's bits depend on K alone. The library compiles a kernel for every shape it meets: rows
// are padded to one of few counts.
#include "temper/engine/kernel/cpu/brgemm.h"

#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/tensor/isa.h"

namespace temper::kernel::cpu::brgemm {
namespace {

constexpr int64_t kWidth = 32, kWhole = 4096, kBlock = 2048, kMostRows = 128;

int64_t up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit;
}
int64_t even(int64_t k) {
  return up(k, 2) * 2;
}

/// Rows of a call: the smallest of {1…8, 16, 32, 64, 128} that holds them.
int64_t padded_rows(int64_t rows) {
  return rows <= 8 ? rows
                   : std::max<int64_t>(
                         16, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows))));
}

uint16_t rounded(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(round_bf16(value)) >> 16);
}

struct Block {
  const uint16_t* a;  // [rows, lda] bf16, padded with rows of 0
  int64_t rows, lda, steps;
  const uint16_t* b;  // [steps/2][32][2]
  float* c;           // [rows, 32]
  bool accumulate;
};
void block(const Block& g) {
  const int64_t depth = g.steps > kWhole ? kBlock : g.steps;
  for (int64_t k = 0; k < g.steps; k += depth) {
    at::native::cpublas::brgemm(g.rows, kWidth, std::min(depth, g.steps - k), g.lda, kWidth, kWidth,
                                g.accumulate || k > 0,
                                reinterpret_cast<const at::BFloat16*>(g.a + k),
                                reinterpret_cast<const at::BFloat16*>(g.b + k * kWidth), g.c, true);
  }
}

/// A small product against plain arithmetic, and each of its rows alone.
bool self_test() {
  constexpr int64_t kRows = 33, kSteps = 70, kColumns = 40;
  std::vector<float> a(kRows * kSteps), b(kColumns * kSteps), c(kRows * kColumns), one(kColumns);
  for (size_t i = 0; i < a.size(); ++i) a[i] = round_bf16(std::sin(0.37f * static_cast<float>(i)));
  for (size_t i = 0; i < b.size(); ++i) b[i] = round_bf16(std::cos(0.53f * static_cast<float>(i)));
  std::vector<uint16_t> packed(static_cast<size_t>(bytes(kSteps, kColumns) / 2));
  for (int64_t p = 0; p < up(kColumns, kWidth); ++p) {
    pack(b.data(), Layout::Transposed, kSteps, kColumns, p, packed.data());
  }
  const auto run = [&](const float* rows, int64_t count, float* out) {
    const int64_t padded = padded_rows(count);
    std::vector<uint16_t> bits(static_cast<size_t>(padded * kSteps), 0);
    std::vector<float> tile(static_cast<size_t>(padded * kWidth));
    for (int64_t i = 0; i < count * kSteps; ++i) bits[static_cast<size_t>(i)] = rounded(rows[i]);
    for (int64_t p = 0; p < up(kColumns, kWidth); ++p) {
      block({bits.data(), padded, kSteps, kSteps, packed.data() + p * kSteps * kWidth, tile.data(),
             false});
      for (int64_t i = 0; i < count; ++i) {
        for (int64_t j = p * kWidth; j < std::min(kColumns, (p + 1) * kWidth); ++j) {
          out[i * kColumns + j] = tile[static_cast<size_t>(i * kWidth + j % kWidth)];
        }
      }
    }
  };
  run(a.data(), kRows, c.data());
  bool good = true;
  for (int64_t i = 0; i < kRows; ++i) {
    run(a.data() + i * kSteps, 1, one.data());
    good &= std::memcmp(one.data(), &c[static_cast<size_t>(i * kColumns)],
                        kColumns * sizeof(float)) == 0;
    for (int64_t j = 0; j < kColumns; ++j) {
      double want = 0;
      for (int64_t k = 0; k < kSteps; ++k) {
        want += static_cast<double>(a[static_cast<size_t>(i * kSteps + k)]) *
                b[static_cast<size_t>(j * kSteps + k)];
      }
      good &= std::abs(want - c[static_cast<size_t>(i * kColumns + j)]) < 1e-3;
    }
  }
  at::native::cpublas::brgemm_release(true);
  return good;
}

bool proven() {
  static const bool good = [] {
    bool passed = false;
    try {
      passed = self_test();
    } catch (const std::exception&) {  // the library refuses this processor
    }
    if (!passed) {
      std::fputs("warning: bf16 products failed their self-test; using float32 arithmetic\n",
                 stderr);
    }
    return passed;
  }();
  return good;
}

}  // namespace

bool usable() {
  return tensor::isa() >= tensor::Isa::Avx512Bf16 && proven();
}

int64_t bytes(int64_t k, int64_t n) {
  return up(n, kWidth) * kWidth * even(k) * 2;
}

void pack(const float* values, Layout layout, int64_t k, int64_t n, int64_t panel, uint16_t* out) {
  uint16_t* to = out + panel * kWidth * even(k);
  for (int64_t i = 0; i < even(k); ++i) {
    for (int64_t c = 0; c < kWidth; ++c) {
      const int64_t j = panel * kWidth + c;
      const bool inside = i < k && j < n;
      const int64_t at = layout == Layout::Transposed ? j * k + i : i * n + j;
      to[(i / 2 * kWidth + c) * 2 + i % 2] = inside ? rounded(values[at]) : uint16_t{0};
    }
  }
}

float element(const std::byte* data, int64_t k, int64_t step, int64_t column) {
  const auto* from = reinterpret_cast<const uint16_t*>(data) + column / kWidth * kWidth * even(k);
  const uint16_t bits = from[(step / 2 * kWidth + column % kWidth) * 2 + step % 2];
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

namespace {

/// A panel of quantised weights, until this thread asks for the next.
const uint16_t* dequantised(const Panels& b, int64_t number) {
  thread_local tensor::Floats values;
  thread_local std::vector<uint16_t> packed;
  values.resize(b.k() * kWidth);
  packed.resize(static_cast<size_t>(even(b.k()) * kWidth));
  const int64_t columns = std::min(kWidth, b.n() - number * kWidth);
  if (columns < kWidth) values.zero();
  make({.b = b,
        .first = number * kWidth,
        .columns = columns,
        .steps = {0, b.k()},
        .out = values.data(),
        .panel = kPanelWidth,
        .ld = kWidth});
  pack(values.data(), Layout::Plain, b.k(), kWidth, 0, packed.data());
  return packed.data();
}

}  // namespace

void multiply(const Product& g, Steps steps, bool here) {
  const int64_t lda = even(steps.count), most = g.m >= 64 ? kMostRows : 32;
  const int64_t row_blocks = up(g.m, most);
  thread_local tensor::Buffer rounded_rows;
  const int64_t needed = row_blocks * most * lda * 2;
  if (rounded_rows.bytes() < needed) rounded_rows = tensor::Buffer(needed);
  auto* a = reinterpret_cast<uint16_t*>(rounded_rows.data());
  const auto round_rows = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      uint16_t* to = a + i * lda;
      for (int64_t k = 0; k < lda; ++k) {
        to[k] = i < g.m && k < steps.count ? rounded(g.a[i * g.lda + k]) : uint16_t{0};
      }
    }
  };
  const auto* b = reinterpret_cast<const uint16_t*>(g.b.data());
  const int64_t panel_size = kWidth * even(g.b.k());
  const int64_t panels = up(g.count, kWidth);
  const auto pieces = [&](int64_t begin, int64_t end) {
    alignas(64) float tile[kMostRows * kWidth];
    for (int64_t p = begin; p < end; ++p) {
      const int64_t number = g.first / kWidth + p;
      const uint16_t* panel =
          g.b.source() == nullptr ? b + number * panel_size : dequantised(g.b, number);
      const int64_t columns = std::min(kWidth, g.count - p * kWidth);
      for (int64_t row = 0; row < g.m; row += most) {
        const int64_t rows = std::min(most, g.m - row), padded = padded_rows(rows);
        float* c = g.c + row * g.ldc + p * kWidth;
        if (g.accumulate) {
          std::fill_n(tile, padded * kWidth, 0.0f);
          for (int64_t i = 0; i < rows; ++i) std::copy_n(c + i * g.ldc, columns, tile + i * kWidth);
        }
        block({a + row * lda, padded, lda, lda, panel + steps.first * kWidth, tile, g.accumulate});
        for (int64_t i = 0; i < rows; ++i) std::copy_n(tile + i * kWidth, columns, c + i * g.ldc);
      }
    }
    at::native::cpublas::brgemm_release(true);
  };
  if (here) {
    round_rows(0, row_blocks * most);
    return pieces(0, panels);
  }
  share(row_blocks * most, lda, round_rows);
  tensor::parallel(panels, pieces);
}

}  // namespace temper::kernel::cpu::brgemm
