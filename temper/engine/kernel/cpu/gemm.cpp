// Products over packed panels: how the work is cut for threads and caches. A piece is some rows by
// some columns over all of K, so the cut cannot change a bit. The arithmetic is in simd_lanes.inc.
#include "temper/engine/kernel/gemm.h"

#include <algorithm>
#include <bit>

#include "temper/engine/kernel/cpu/brgemm.h"
#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/kernel/quantise.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

constexpr int64_t kRowBlock = 192;  // rows of A that stay in L2 for kDepth steps: 240 KB

int64_t up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit;
}
int64_t element_bytes(Dtype dtype) {
  return dtype == Dtype::Float32 ? 4 : 2;
}

struct Range {
  int64_t first, count;
};
/// Share `index` of `count` items cut into `parts` even shares of whole units.
Range part(int64_t count, int64_t parts, int64_t unit, int64_t index) {
  const int64_t units = up(count, unit);
  const int64_t begin = std::min(count, units * index / parts * unit);
  return {begin, std::min(count, units * (index + 1) / parts * unit) - begin};
}

struct Grid {
  int64_t rows, columns;  // pieces along each
};

void fma_product(const Product& g, cpu::Steps steps, Range rows, Range columns) {
  const int64_t panel = g.b.k() * kPanelWidth, at = g.first + columns.first;
  const int64_t offset = at / kPanelWidth * panel + steps.first * kPanelWidth;
  simd().product({.a = g.a + rows.first * g.lda,
                  .lda = g.lda,
                  .a_columns = false,
                  .b = g.b.data() + offset * element_bytes(g.b.dtype()),
                  .b_bf16 = g.b.dtype() == Dtype::BFloat16,
                  .ldb = kPanelWidth,
                  .panel = panel,
                  .m = rows.count,
                  .n = columns.count,
                  .k = steps.count,
                  .c = g.c + rows.first * g.ldc + columns.first,
                  .ldc = g.ldc,
                  .accumulate = g.accumulate});
}

struct Checked {
  Product product;
  cpu::Steps steps;
};
Checked checked(const Product& given, cpu::Steps steps) {
  Checked all = {given, steps};
  if (given.count < 0) all.product.count = given.b.n() - given.first;
  if (steps.count < 0) all.steps.count = given.b.k() - steps.first;
  const Product& g = all.product;
  ASSERT(g.first % 32 == 0 && g.first + g.count <= g.b.n(), "columns of a product lie in B");
  ASSERT(all.steps.first + all.steps.count <= g.b.k(), "steps of a product lie in B");
  return all;
}

}  // namespace

Panels::Panels(int64_t k, int64_t n, Dtype dtype) : k_(k), n_(n), dtype_(dtype) {
  ASSERT(k > 0 && n > 0, "panels hold something");
  const int64_t fma = up(n, kPanelWidth) * kPanelWidth * k * element_bytes(dtype);
  data_ = tensor::Buffer(dtype == Dtype::Float32 ? fma : std::max(fma, cpu::brgemm::bytes(k, n)));
}

Panels::Panels(const Quantised& source, Layout layout, Dtype dtype)
    : k_(layout == Layout::Transposed ? source.columns() : source.rows()),
      n_(layout == Layout::Transposed ? source.rows() : source.columns()),
      dtype_(dtype),
      packing_(dtype == Dtype::BFloat16 && cpu::brgemm::usable() ? Packing::Pairs : Packing::Fma),
      layout_(layout),
      source_(&source) {}

Panels Panels::turned(const Panels& forward) {
  ASSERT(forward.packing() == Packing::Fma && !forward.made(), "panels of 16 columns are turned");
  Panels plain;
  plain.k_ = forward.n();
  plain.n_ = forward.k();
  plain.dtype_ = forward.dtype();
  plain.layout_ = Layout::Plain;
  plain.forward_ = &forward;
  return plain;
}

void Panels::pack(const float* values, Layout layout) {
  ASSERT(!made(), "panels that a product makes are read from their source");
  const bool bf16 = dtype_ == Dtype::BFloat16;
  packing_ = bf16 && cpu::brgemm::usable() ? Packing::Pairs : Packing::Fma;
  if (packing_ == Packing::Pairs) {
    auto* out = reinterpret_cast<uint16_t*>(data_.data());
    return tensor::parallel(up(n_, 32), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) cpu::brgemm::pack(values, layout, k_, n_, p, out);
    });
  }
  const bool transposed = layout == Layout::Transposed;
  cpu::share(up(n_, kPanelWidth), k_ * kPanelWidth, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t j = p * kPanelWidth;
      simd().pack({.values = values + (transposed ? j * k_ : j),
                   .ld = transposed ? k_ : n_,
                   .transposed = transposed,
                   .k = k_,
                   .n = std::min(kPanelWidth, n_ - j),
                   .panel = data_.data() + j * k_ * element_bytes(dtype_),
                   .bf16 = bf16});
    }
  });
}

void Panels::column(int64_t j, float* out) const {
  ASSERT(j >= 0 && j < n_, "a column of the panels");
  if (source_ != nullptr) {
    ASSERT(layout_ == Layout::Transposed, "a column is a row of the weight");
    source_->row(j, out);
    for (int64_t i = 0; dtype_ == Dtype::BFloat16 && i < k_; ++i) out[i] = round_bf16(out[i]);
    return;
  }
  if (packing_ == Packing::Pairs) {
    for (int64_t i = 0; i < k_; ++i) out[i] = cpu::brgemm::element(data_.data(), k_, i, j);
    return;
  }
  const int64_t at = j / kPanelWidth * kPanelWidth * k_ + j % kPanelWidth;
  if (dtype_ == Dtype::Float32) {
    const float* from = reinterpret_cast<const float*>(data_.data()) + at;
    for (int64_t i = 0; i < k_; ++i) out[i] = from[i * kPanelWidth];
  } else {
    const auto* from = reinterpret_cast<const uint16_t*>(data_.data()) + at;
    for (int64_t i = 0; i < k_; ++i) {
      out[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i * kPanelWidth]) << 16);
    }
  }
}

bool can_be_turned(Dtype dtype) {
  return dtype == Dtype::Float32 || !cpu::brgemm::usable();
}

void multiply(const Product& product) {
  cpu::multiply(product, {});
}

void cpu::multiply(const Product& given, Steps wanted) {
  const auto [g, steps] = checked(given, wanted);
  if (g.m == 0 || g.count == 0) return;
  if (g.b.packing() == Panels::Packing::Pairs) return brgemm::multiply(g, steps, false);
  if (g.b.made()) {
    ASSERT(steps.count == g.b.k(), "panels that are made are read whole");
    return multiply_made(g);
  }
  // Columns are cut first: each thread then reads its own panels. Enough pieces for an even end.
  const int64_t threads = tensor::threads(), panels = up(g.count, kPanelWidth);
  Grid grid = {.rows = up(g.m, kRowBlock), .columns = 1};
  constexpr int64_t kColumns = 256;  // outputs of a piece stay in L2 between visits
  if (g.m > 16) {
    const int64_t pieces = std::max(up(6 * threads, grid.rows), up(g.count, kColumns));
    grid.columns = std::clamp<int64_t>(pieces, 1, up(panels, 4));
  } else if (g.m * g.count * steps.count >= (1 << 16)) {
    grid.columns = std::clamp<int64_t>(threads, 1, up(panels, 4));
  }
  tensor::parallel_pieces(grid.rows * grid.columns, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      fma_product(g, steps, part(g.m, grid.rows, 1, piece % grid.rows),
                  part(g.count, grid.columns, 4 * kPanelWidth, piece / grid.rows));
    }
  });
}

void cpu::multiply_here(const Product& given, Steps wanted) {
  const auto [g, steps] = checked(given, wanted);
  if (g.m == 0 || g.count == 0) return;
  ASSERT(!g.b.made(), "a head's panels are packed");
  if (g.b.packing() == Panels::Packing::Pairs) return brgemm::multiply(g, steps, true);
  for (int64_t row = 0; row < g.m; row += kRowBlock) {
    fma_product(g, steps, {row, std::min(kRowBlock, g.m - row)}, {0, g.count});
  }
}

void weight_gradient(const WeightGradient& g) {
  if (g.m == 0) return;
  constexpr int64_t kOut = 192;  // packed dy of a piece: 192 · kDepth floats stay in L2
  const int64_t threads = tensor::threads();
  constexpr int64_t kIn = 288;  // outputs of a piece stay in L2 between visits
  const Grid grid = {
      .rows = up(g.out, kOut),
      .columns = std::max(up(g.in, kIn), std::min(up(4 * threads, up(g.out, kOut)), up(g.in, 64)))};
  const auto piece = [&](int64_t begin, int64_t end) {
    thread_local tensor::Floats scratch;
    scratch.resize(gradient_scratch(kOut + kMaxRows));
    for (int64_t i = begin; i < end; ++i) {
      const Range out = part(g.out, grid.rows, kMaxRows, i / grid.columns);
      const Range in = part(g.in, grid.columns, 2 * kPanelWidth, i % grid.columns);
      if (out.count == 0 || in.count == 0) continue;
      simd().gradient({.dy = g.dy + out.first,
                       .ldy = g.ldy,
                       .x = g.x + in.first,
                       .ldx = g.ldx,
                       .m = g.m,
                       .out = out.count,
                       .in = in.count,
                       .dw = g.dw + out.first * g.in + in.first,
                       .ldw = g.in,
                       .scratch = scratch.data()});
    }
  };
  if (g.m * g.out * g.in < (1 << 16)) return piece(0, grid.rows * grid.columns);
  tensor::parallel_pieces(grid.rows * grid.columns, piece);
}

float round_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return value;
  return std::bit_cast<float>((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
}

}  // namespace temper::kernel
