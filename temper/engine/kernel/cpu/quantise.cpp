#include "temper/engine/kernel/quantise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/kernel/gemm.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

using Kind = QuantiseOptions::Kind;
constexpr int64_t kNf4Block = 64, kScaleBlock = 256;
constexpr float kInt8Step = 0.007874015718698502f;  // 1/127

/// bitsandbytes' table: quantiles of the normal distribution, 8 below 0 and 8 from 0 on.
constexpr std::array<float, 16> kNf4 = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

int64_t up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit;
}

/// The number of entries of an ascending table whose midpoint with the next lies below x.
template <size_t N>
int nearest(const std::array<float, N>& table, float x) {
  size_t low = 0, high = N - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if ((table[middle] + table[middle + 1]) / 2 < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<int>(low);
}

/// bitsandbytes' signed dynamic map: seven powers of ten, of which each has twice as many steps as
/// the one below, between 0.1 and 1 of it; 0 and 1 besides.
const std::array<float, 256>& dynamic_map() {
  static const std::array<float, 256> map = [] {
    std::array<float, 256> all{};
    size_t at = 0;
    for (int power = 0; power < 7; ++power) {
      const int steps = 1 << power;
      const auto unit = static_cast<float>(std::pow(10.0, power - 6));
      const float step = (1.0f - 0.1f) / static_cast<float>(steps);
      const auto boundary = [&](int i) {  // torch.linspace: from the nearer end
        return i <= steps / 2 ? 0.1f + step * static_cast<float>(i)
                              : 1.0f - step * static_cast<float>(steps - i);
      };
      for (int i = 0; i < steps; ++i) {
        const float mean = (boundary(i) + boundary(i + 1)) / 2;
        all[at++] = unit * mean;
        all[at++] = -unit * mean;
      }
    }
    all[at++] = 0;
    all[at++] = 1;
    std::sort(all.begin(), all.end());
    return all;
  }();
  return map;
}

float largest_of(const float* values, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(values[i]));
  return largest;
}

}  // namespace

double bytes_a_weight(const QuantiseOptions& options, int64_t columns) {
  switch (options.kind) {
    case Kind::None:
      return 0;
    case Kind::Int8:
      return 1 + 4.0 / static_cast<double>(columns);
    case Kind::Nf4:
      break;
  }
  return 0.5 + (options.nested ? 1 + 4.0 / kScaleBlock : 4.0) / kNf4Block;
}

Quantised::Quantised(const float* values, int64_t rows, int64_t columns,
                     const QuantiseOptions& options)
    : kind_(options.kind),
      rows_(rows),
      columns_(columns),
      block_(options.kind == Kind::Int8 ? columns : kNf4Block) {
  ASSERT(kind_ != Kind::None && rows > 0 && columns > 0, "something to quantise");
  const int64_t a_step = kind_ == Kind::Int8 ? kPanel : kPanel / 2;
  codes_ = tensor::Buffer(up(rows, kPanel) * columns * a_step);
  codes_.zero();
  scales_.resize(up(rows * columns, block_));
  kind_ == Kind::Int8 ? quantise_int8(values) : quantise_nf4(values);
  if (options.nested && kind_ == Kind::Nf4) nest();
}

int64_t Quantised::bytes() const {
  return codes_.bytes() + 4 * scales_.size() + small_scales_.bytes() + 4 * scale_ranges_.size();
}

void Quantised::put(int64_t row, int64_t column, int code) {
  auto* codes = reinterpret_cast<uint8_t*>(codes_.data());
  const int64_t step = row / kPanel * columns_ + column, lane = row % kPanel;
  if (kind_ == Kind::Int8) {
    codes[step * kPanel + lane] = static_cast<uint8_t>(static_cast<int8_t>(code));
  } else {
    codes[step * 8 + lane % 8] |= static_cast<uint8_t>(lane < 8 ? code : code << 4);
  }
}

int Quantised::code(int64_t row, int64_t column) const {
  const auto* codes = reinterpret_cast<const uint8_t*>(codes_.data());
  const int64_t step = row / kPanel * columns_ + column, lane = row % kPanel;
  if (kind_ == Kind::Int8) return static_cast<int8_t>(codes[step * kPanel + lane]);
  const int both = codes[step * 8 + lane % 8];
  return lane < 8 ? both & 15 : both >> 4;
}

void Quantised::quantise_int8(const float* values) {
  tensor::parallel(rows_, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = values + row * columns_;
      const float largest = largest_of(from, columns_);
      scales_.data()[row] = largest;
      if (largest == 0) continue;
      const float factor = 1.0f / largest * 127.0f;  // in this order, as torch divides
      for (int64_t i = 0; i < columns_; ++i) {
        put(row, i, static_cast<int>(std::nearbyint(from[i] * factor)));
      }
    }
  });
}

// A share is whole panels: the codes of two rows lie in one byte, and a block may reach into the
// next row, whose panel computes its scale again.
void Quantised::quantise_nf4(const float* values) {
  const int64_t size = rows_ * columns_, whole = size / block_ * block_;
  tensor::parallel(up(rows_, kPanel), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kPanel * columns_;
    const int64_t last = std::min(size, end * kPanel * columns_);
    for (int64_t block = first / block_; block * block_ < last; ++block) {
      const int64_t at = block * block_, count = std::min(block_, size - at);
      const float largest = largest_of(values + at, count), held = std::max(largest, 1e-38f);
      if (at >= first) scales_.data()[block] = largest;
      for (int64_t i = std::max(at, first); i < std::min(at + count, last); ++i) {
        const float x = at < whole ? values[i] * (1.0f / held) : values[i] / held;
        put(i / columns_, i % columns_, nearest(kNf4, std::clamp(x, -1.0f, 1.0f)));
      }
    }
  });
}

void Quantised::nest() {
  const int64_t blocks = scales_.size();
  double total = 0;
  for (float scale : scales_.span()) total += double{scale};
  scale_mean_ = static_cast<float>(total / static_cast<double>(blocks));
  small_scales_ = tensor::Buffer(blocks);
  scale_ranges_.resize(up(blocks, kScaleBlock));
  auto* codes = reinterpret_cast<uint8_t*>(small_scales_.data());
  for (int64_t at = 0; at < blocks; at += kScaleBlock) {
    const int64_t count = std::min(kScaleBlock, blocks - at);
    float* scales = scales_.data() + at;
    for (int64_t i = 0; i < count; ++i) scales[i] -= scale_mean_;
    const float range = largest_of(scales, count);
    scale_ranges_.data()[at / kScaleBlock] = range;
    for (int64_t i = 0; i < count; ++i) {
      codes[at + i] = static_cast<uint8_t>(
          nearest(dynamic_map(), range > 0 ? scales[i] * (1.0f / range) : 0.0f));
    }
  }
  scales_ = tensor::Floats();
}

float Quantised::scale(int64_t block) const {
  if (small_scales_.bytes() == 0) return scales_.data()[block];
  const auto code = static_cast<uint8_t>(small_scales_.data()[block]);
  return dynamic_map()[code] * scale_ranges_.data()[block / kScaleBlock] + scale_mean_;
}

void Quantised::row(int64_t row, float* out) const {
  ASSERT(row >= 0 && row < rows_, "a row of the weight");
  for (int64_t i = 0; i < columns_; ++i) {
    const float by = scale((row * columns_ + i) / block_);
    const int q = code(row, i);
    out[i] = kind_ == Kind::Int8 ? static_cast<float>(q) * by * kInt8Step
                                 : kNf4[static_cast<size_t>(q)] * by;
  }
}

void Quantised::dequantise(const Part& part) const {
  const auto* codes = reinterpret_cast<const uint8_t*>(codes_.data());
  const bool nibbles = kind_ == Kind::Nf4;
  const int64_t end = part.first + part.count, step_bytes = nibbles ? kPanel / 2 : kPanel;
  float scales[kPanel];
  for (int64_t at = part.first; at < end;) {  // runs in which no row's scale changes
    int64_t run = end - at;
    for (int64_t lane = 0; lane < kPanel; ++lane) {
      const int64_t row = part.panel * kPanel + lane, index = row * columns_ + at;
      const int64_t block = index / block_;
      scales[lane] = row < rows_ ? scale(block) : 0;
      if (row < rows_) run = std::min(run, (block + 1) * block_ - index);
    }
    simd().dequantise({.codes = codes + (part.panel * columns_ + at) * step_bytes,
                       .table = nibbles ? kNf4.data() : nullptr,
                       .scales = scales,
                       .factor = nibbles ? 1.0f : kInt8Step,
                       .steps = run,
                       .bf16 = part.bf16,
                       .out = part.out + (at - part.first) * part.ld,
                       .ld = part.ld});
    at += run;
  }
}

}  // namespace temper::kernel
