// Panels that a product makes as it reads them: of a quantised weight, or of a weight that is
// packed for the forward pass and read the other way round. Weights are kept once for both
// directions.
#include <algorithm>
#include <bit>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/kernel/quantise.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel::cpu {
namespace {

constexpr int64_t kPanel = 16;

int64_t up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit;
}

/// [column][row] of 16 rows of the weight from `row` on and `count` columns from `column` on.
const float* tile_of(const Panels& forward, int64_t row, int64_t column, int64_t count,
                     float* tile) {
  const int64_t at = row * forward.k() + column * kPanel, values = count * kPanel;
  if (forward.dtype() == Dtype::Float32) {
    const float* from = reinterpret_cast<const float*>(forward.data()) + at;
    return count == kPanel ? from : (std::copy_n(from, values, tile), tile);
  }
  const auto* from = reinterpret_cast<const uint16_t*>(forward.data()) + at;
  for (int64_t i = 0; i < values; ++i) {
    tile[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
  }
  return tile;
}

const float* tile_of(const Quantised& w, bool bf16, int64_t row, int64_t column, int64_t count,
                     float* tile) {
  w.dequantise({row / kPanel, column, count, bf16, tile, kPanel});
  return tile;
}

}  // namespace

void make(const MadeColumns& m) {
  static_assert(kPanel == Quantised::kPanel && kPanel == kPanelWidth);
  const Quantised* source = m.b.source();
  const bool bf16 = m.b.dtype() == Dtype::BFloat16;
  for (int64_t p = 0; p * kPanel < m.columns; ++p) {
    const int64_t j = m.first + p * kPanel, columns = std::min(kPanel, m.b.n() - j);
    float* out = m.out + p * m.panel;
    if (m.b.layout() == Layout::Transposed) {
      source->dequantise({j / kPanel, m.steps.first, m.steps.count, bf16, out, m.ld});
      continue;
    }
    alignas(64) float scratch[kPanel * kPanel] = {};
    for (int64_t k = 0; k < m.steps.count; k += kPanel) {
      const int64_t row = m.steps.first + k, rows = std::min(kPanel, m.steps.count - k);
      const float* tile = source != nullptr ? tile_of(*source, bf16, row, j, columns, scratch)
                                            : tile_of(*m.b.forward(), row, j, columns, scratch);
      simd().transpose(tile, kPanel, kPanel, rows, out + k * m.ld, m.ld);
    }
  }
}

void multiply_made(const Product& g) {
  constexpr int64_t kRowBlock = 192;  // rows of A that stay in L2 for kDepth steps: 240 KB
  const int64_t depth = g.b.k(), threads = tensor::threads();
  // many rows: few wide pieces, so that A is read seldom; each makes its own panels for its rows
  const int64_t width = g.m >= 2 * kRowBlock ? 192 : g.count < 512 ? 32 : 64;
  const int64_t columns = up(g.count, width);
  const int64_t groups = std::clamp(up(6 * threads, columns), int64_t{1}, up(g.m, 2 * kRowBlock));
  const int64_t height = up(up(g.m, groups), 6) * 6;
  tensor::parallel_pieces(columns * groups, [&](int64_t begin, int64_t end) {
    thread_local tensor::Floats scratch;
    scratch.resize(kDepth * width);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i / groups * width, count = std::min(width, g.count - first);
      const int64_t from = i % groups * height, to = std::min(g.m, from + height);
      for (int64_t k = 0; from < to && k < depth; k += kDepth) {
        const int64_t steps = std::min(kDepth, depth - k);
        make({.b = g.b,
              .first = g.first + first,
              .columns = count,
              .steps = {k, steps},
              .out = scratch.data(),
              .panel = steps * kPanelWidth,
              .ld = kPanelWidth});
        for (int64_t row = from; row < to; row += kRowBlock) {
          simd().product({.a = g.a + row * g.lda + k,
                          .lda = g.lda,
                          .a_columns = false,
                          .b = scratch.data(),
                          .b_bf16 = false,
                          .ldb = kPanelWidth,
                          .panel = steps * kPanelWidth,
                          .m = std::min(kRowBlock, to - row),
                          .n = count,
                          .k = steps,
                          .c = g.c + row * g.ldc + first,
                          .ldc = g.ldc,
                          .accumulate = g.accumulate || k > 0});
        }
      }
    }
  });
}

}  // namespace temper::kernel::cpu
