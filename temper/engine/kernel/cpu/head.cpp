// The fused head. A piece is one chunk of 1,024 columns for a block of rows: its logits stay in L2
// and leave it as five numbers a row; a row's chunks are joined in order, whoever computed them.
#include "temper/engine/kernel/head.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "temper/engine/kernel/cpu/head_rows.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

using cpu::kChunk;
constexpr int64_t kRows = 96;  // rows of a forward piece

int64_t chunks(int64_t vocabulary) {
  return (vocabulary + kChunk - 1) / kChunk;
}

float log_sum(const ChunkStatistics& s) {
  return s.max + static_cast<float>(std::log(static_cast<double>(s.sum)));
}

/// Σ of some logits, in eight chains.
double sum(const float* logits, int64_t n) {
  constexpr int64_t kChains = 8;
  double chains[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains) {
    for (int64_t j = 0; j < kChains; ++j) chains[j] += double{logits[i + j]};
  }
  for (; i < n; ++i) chains[0] += double{logits[i]};
  double all = 0;
  for (double chain : chains) all += chain;
  return all;
}

/// What a forward pass leaves.
struct Parts {
  int64_t count;                        // of chunks
  std::vector<ChunkStatistics> chunks;  // [rows][count]
  std::vector<double> sums;             // [rows][count] of undivided logits; empty: not asked for
  std::vector<float> target;            // [rows] z of the target
};

void forward(const HeadInput& in, bool index, Parts& parts) {
  const int64_t vocabulary = in.weight.n(), width = in.weight.k(), count = parts.count;
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
        const auto part = static_cast<size_t>((row + i) * count + chunk);
        simd().chunk_statistics(logits, n, temperature, index, &parts.chunks[part]);
        if (!parts.sums.empty()) parts.sums[part] = sum(logits, n);
        const int64_t at = in.targets[row + i] - first;
        if (at >= 0 && at < n)
          parts.target[static_cast<size_t>(row + i)] = logits[at] / temperature;
      }
    }
  });
}

/// Mean of log p over the vocabulary: Σ z / vocabulary - lse.
float mean_logp(const HeadInput& in, const Parts& parts, int64_t row, float lse) {
  double all = 0;
  for (int64_t chunk = 0; chunk < parts.count; ++chunk) {
    all += parts.sums[static_cast<size_t>(row * parts.count + chunk)];
  }
  return static_cast<float>(all / static_cast<double>(in.weight.n()) / in.temperature -
                            double{lse});
}

}  // namespace

void head(const HeadInput& in, const HeadOutput& out) {
  const int64_t count = chunks(in.weight.n());
  const auto pieces = static_cast<size_t>(in.rows * count);
  Parts parts{.count = count,
              .chunks = std::vector<ChunkStatistics>(pieces),
              .sums = std::vector<double>(out.mean_logp != nullptr ? pieces : 0),
              .target = std::vector<float>(static_cast<size_t>(in.rows))};
  for (int64_t i = 0; i < in.rows; ++i) {
    ASSERT(in.targets[i] >= 0 && in.targets[i] < in.weight.n(), "a target is a token");
  }
  forward(in, out.argmax != nullptr, parts);
  for (int64_t i = 0; i < in.rows; ++i) {
    ChunkStatistics all;
    simd().merge_statistics(&parts.chunks[static_cast<size_t>(i * count)], count, &all);
    const float lse = log_sum(all);
    if (out.lse != nullptr) out.lse[i] = lse;
    if (out.logp != nullptr) out.logp[i] = parts.target[static_cast<size_t>(i)] - lse;
    // lse - Σ p z = log Σe - Σ e·(z - max) / Σe
    if (out.entropy != nullptr) out.entropy[i] = (lse - all.max) - all.weighted / all.sum;
    if (out.sum_p2 != nullptr) out.sum_p2[i] = all.squares / all.sum / all.sum;
    if (out.argmax != nullptr) out.argmax[i] = all.argmax;
    if (out.mean_logp != nullptr) out.mean_logp[i] = mean_logp(in, parts, i, lse);
  }
}

void head_backward(const HeadInput& in, const HeadGradient& g) {
  const auto temperature = static_cast<float>(in.temperature);
  cpu::backward_through_head(
      {.hidden = in.hidden,
       .rows = in.rows,
       .weight = in.weight,
       .weight_plain = g.weight_plain,
       .d_hidden = g.d_hidden,
       .d_weight = g.d_weight},
      [&](const cpu::HeadPiece& piece) {
        for (int64_t i = 0; i < piece.rows; ++i) {
          const int64_t r = piece.row + i;
          float* z = piece.z + i * piece.ldz;
          const float d_mean = g.d_mean_logp != nullptr ? g.d_mean_logp[r] : 0;
          simd().logit_gradient({.logits = z,
                                 .n = piece.n,
                                 .temperature = temperature,
                                 .lse = g.lse[r],
                                 .d_logp = g.d_logp[r] + d_mean,  // both take p from it
                                 .d_entropy = g.d_entropy != nullptr ? g.d_entropy[r] : 0,
                                 .entropy = g.d_entropy != nullptr ? g.entropy[r] : 0});
          const int64_t target = in.targets[r] - piece.first;
          if (target >= 0 && target < piece.n) z[target] += g.d_logp[r] / temperature;
          if (d_mean == 0) continue;
          const float share = d_mean / (static_cast<float>(in.weight.n()) * temperature);
          for (int64_t v = 0; v < piece.n; ++v) z[v] += share;
        }
      });
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
