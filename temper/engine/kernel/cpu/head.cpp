// The fused head. A piece is one chunk of 1,024 columns for a block of rows: its logits stay in L2
// and leave it as five numbers a row; a row's chunks are joined in order, whoever computed them.
#include "temper/engine/kernel/head.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

constexpr int64_t kChunk = 1024;
constexpr int64_t kRows = 96;       // rows of a forward piece
constexpr int64_t kGroup = 4;       // chunks whose gradient is held at once
constexpr int64_t kBackRows = 256;  // rows of it: 4 MB with kGroup chunks
constexpr int64_t kPieceRows = 64;  // rows of a piece of it

int64_t chunks(int64_t vocabulary) {
  return (vocabulary + kChunk - 1) / kChunk;
}

float log_sum(const ChunkStatistics& s) {
  return s.max + static_cast<float>(std::log(static_cast<double>(s.sum)));
}

/// Statistics of `rows` rows: [rows][chunks], and the target's z of each row.
void forward(const HeadInput& in, bool index, ChunkStatistics* parts, float* target) {
  const int64_t vocabulary = in.weight.n(), width = in.weight.k(), count = chunks(vocabulary);
  const int64_t blocks = (in.rows + kRows - 1) / kRows;
  const auto temperature = static_cast<float>(in.temperature);
  tensor::parallel_pieces(count * blocks, [&](int64_t begin, int64_t end) {
    thread_local tensor::Floats scratch;
    scratch.resize(kRows * kChunk);
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t chunk = piece / blocks, row = piece % blocks * kRows, first = chunk * kChunk;
      const int64_t rows = std::min(kRows, in.rows - row), n = std::min(kChunk, vocabulary - first);
      cpu::multiply_here({.a = in.hidden + row * width,
                          .lda = width,
                          .m = rows,
                          .b = in.weight,
                          .c = scratch.data(),
                          .ldc = kChunk,
                          .first = first,
                          .count = n},
                         {});
      for (int64_t i = 0; i < rows; ++i) {
        const float* logits = scratch.data() + i * kChunk;
        simd().chunk_statistics(logits, n, temperature, index, &parts[(row + i) * count + chunk]);
        const int64_t at = in.targets[row + i] - first;
        if (at >= 0 && at < n) target[row + i] = logits[at] / temperature;
      }
    }
  });
}

}  // namespace

void head(const HeadInput& in, const HeadOutput& out) {
  const int64_t count = chunks(in.weight.n());
  std::vector<ChunkStatistics> parts(static_cast<size_t>(in.rows * count));
  std::vector<float> target(static_cast<size_t>(in.rows));
  for (int64_t i = 0; i < in.rows; ++i) {
    ASSERT(in.targets[i] >= 0 && in.targets[i] < in.weight.n(), "a target is a token");
  }
  forward(in, out.argmax != nullptr, parts.data(), target.data());
  for (int64_t i = 0; i < in.rows; ++i) {
    ChunkStatistics all;
    simd().merge_statistics(&parts[static_cast<size_t>(i * count)], count, &all);
    const float lse = log_sum(all);
    if (out.lse != nullptr) out.lse[i] = lse;
    if (out.logp != nullptr) out.logp[i] = target[static_cast<size_t>(i)] - lse;
    // lse - Σ p z = log Σe - Σ e·(z - max) / Σe
    if (out.entropy != nullptr) out.entropy[i] = (lse - all.max) - all.weighted / all.sum;
    if (out.sum_p2 != nullptr) out.sum_p2[i] = all.squares / all.sum / all.sum;
    if (out.argmax != nullptr) out.argmax[i] = all.argmax;
  }
}

void head_backward(const HeadInput& in, const HeadGradient& g) {
  const int64_t vocabulary = in.weight.n(), width = in.weight.k();
  const auto temperature = static_cast<float>(in.temperature);
  constexpr int64_t kColumns = kGroup * kChunk;
  thread_local tensor::Floats gradient;
  gradient.resize(std::min(kBackRows, in.rows) * kColumns);
  float* dz = gradient.data();
  for (int64_t row = 0; row < in.rows; row += kBackRows) {
    const int64_t rows = std::min(kBackRows, in.rows - row);
    const int64_t blocks = (rows + kPieceRows - 1) / kPieceRows;
    for (int64_t first = 0; first < vocabulary; first += kColumns) {
      const int64_t columns = std::min(kColumns, vocabulary - first);
      const auto piece = [&](int64_t chunk, int64_t begin) {
        const int64_t at = chunk * kChunk, n = std::min(kChunk, columns - at);
        const int64_t end = std::min(rows, begin + kPieceRows);
        cpu::multiply_here({.a = in.hidden + (row + begin) * width,
                            .lda = width,
                            .m = end - begin,
                            .b = in.weight,
                            .c = dz + begin * kColumns + at,
                            .ldc = kColumns,
                            .first = first + at,
                            .count = n},
                           {});
        for (int64_t i = begin; i < end; ++i) {
          const int64_t r = row + i;
          float* z = dz + i * kColumns + at;
          simd().logit_gradient({.logits = z,
                                 .n = n,
                                 .temperature = temperature,
                                 .lse = g.lse[r],
                                 .d_logp = g.d_logp[r],
                                 .d_entropy = g.d_entropy != nullptr ? g.d_entropy[r] : 0,
                                 .entropy = g.d_entropy != nullptr ? g.entropy[r] : 0});
          const int64_t target = in.targets[r] - first - at;
          if (target >= 0 && target < n) z[target] += g.d_logp[r] / temperature;
        }
      };
      tensor::parallel_pieces(blocks * chunks(columns), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) piece(i / blocks, i % blocks * kPieceRows);
      });
      cpu::multiply({.a = dz,
                     .lda = kColumns,
                     .m = rows,
                     .b = g.weight_plain,
                     .c = g.d_hidden + row * width,
                     .ldc = width,
                     .accumulate = first > 0},
                    {.first = first, .count = columns});
      if (g.d_weight == nullptr) continue;
      weight_gradient({.dy = dz,
                       .ldy = kColumns,
                       .x = in.hidden + row * width,
                       .ldx = width,
                       .m = rows,
                       .out = columns,
                       .in = width,
                       .dw = g.d_weight + first * width});
    }
  }
}

void head_logits(const float* hidden, int64_t rows, const Panels& weight, float* logits) {
  multiply(
      {.a = hidden, .lda = weight.k(), .m = rows, .b = weight, .c = logits, .ldc = weight.n()});
}

RowStatistics row_statistics(const float* logits, int64_t vocabulary, double temperature) {
  const int64_t count = chunks(vocabulary);
  thread_local std::vector<ChunkStatistics> parts;
  parts.resize(static_cast<size_t>(count));
  for (int64_t c = 0; c < count; ++c) {
    const int64_t first = c * kChunk;
    simd().chunk_statistics(logits + first, std::min(kChunk, vocabulary - first),
                            static_cast<float>(temperature), false, &parts[static_cast<size_t>(c)]);
  }
  ChunkStatistics all;
  simd().merge_statistics(parts.data(), count, &all);
  return {all.max, log_sum(all)};
}

float row_logp(const float* logits, int64_t token, double temperature, const RowStatistics& s) {
  return logits[token] / static_cast<float>(temperature) - s.lse;
}

int32_t row_draw(const float* logits, int64_t vocabulary, double temperature,
                 const RowStatistics& s, double u) {
  float p[kChunk];
  double total = 0;
  int32_t last = 0;  // the last token with a share: where rounding leaves the sum below u
  for (int64_t first = 0; first < vocabulary; first += kChunk) {
    const int64_t n = std::min(kChunk, vocabulary - first);
    const double sum =
        simd().probabilities(logits + first, n, static_cast<float>(temperature), s.lse, p);
    const bool here = total + sum > u, end = first + n == vocabulary;
    if (here || sum > 0) {
      double reached = total;
      for (int64_t i = 0; i < n; ++i) {
        if (!(p[i] > 0)) continue;
        reached += static_cast<double>(p[i]);
        last = static_cast<int32_t>(first + i);
        if (here && reached > u) return last;
      }
    }
    if (here || end) break;
    total += sum;
  }
  return last;
}

}  // namespace temper::kernel
