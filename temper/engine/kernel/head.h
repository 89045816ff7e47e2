// The language-model head without a [tokens, vocabulary] tensor: log-probability, log-sum-exp and
// entropy of one target a row, and their gradients. Rows go through in blocks, the vocabulary in
// chunks of 1,024 columns, in a fixed order; logits are float32, divided by the temperature in
// float32.
//
//   z = h·Wᵀ / temperature    logp = z_target - lse(z)    entropy = lse - Σ p z
//   mean_logp = Σ_v (z_v - lse) / vocabulary
#pragma once

#include <cstdint>
#include <span>

#include "temper/engine/kernel/gemm.h"

namespace temper::kernel {

struct HeadInput {
  const float* hidden;     // [N, width], row stride width
  int64_t rows;            // N
  const Panels& weight;    // width × vocabulary, packed Transposed
  const int32_t* targets;  // [N]
  double temperature = 1;
};
/// Per-row statistics; a null pointer is not computed.
struct HeadOutput {
  float* logp = nullptr;       // [N]
  float* lse = nullptr;        // [N]
  float* entropy = nullptr;    // [N] nats
  float* sum_p2 = nullptr;     // [N] Σ p² (WPO)
  int32_t* argmax = nullptr;   // [N] the first of the largest logits (mean_token_accuracy)
  float* mean_logp = nullptr;  // [N] mean of log p over the vocabulary (label smoothing)
};
void head(const HeadInput& in, const HeadOutput& out);

struct HeadGradient {
  const float* lse;                    // [N] from head()
  const float* entropy = nullptr;      // [N] from head(); needed with d_entropy
  const float* d_logp;                 // [N] ∂L/∂logp
  const float* d_entropy = nullptr;    // [N]
  const float* d_mean_logp = nullptr;  // [N]
  const Panels& weight_plain;  // vocabulary × width, the same weight packed Plain, for dh = dz·W
  float* d_hidden;             // [N, width], overwritten
  float* d_weight = nullptr;   // [vocabulary, width], added to; null for a frozen head
};
/// dz = ((1[target] - p)·d_logp - p·(z - lse + entropy)·d_entropy
///       + (1 / vocabulary - p)·d_mean_logp) / temperature, logits computed again. Rows are visited
///       in the same order whatever the threads, d_weight's chain runs over the
/// rows in their order.
void head_backward(const HeadInput& in, const HeadGradient& gradient);

/// Logits [rows, vocabulary] (undivided) for sampling: the same bits as inside head().
void head_logits(const float* hidden, int64_t rows, const Panels& weight, float* logits);

/// Statistics of one row of undivided logits at a temperature: what head() computes, bit for bit.
struct RowStatistics {
  float max, lse;
};
RowStatistics row_statistics(const float* logits, int64_t vocabulary, double temperature);
/// logp of one token from them: the same bits as HeadOutput::logp.
float row_logp(const float* logits, int64_t token, double temperature,
               const RowStatistics& statistics);
/// Draws from softmax(z) by inverting its cumulative sum, walked in the fixed chunk order: the
/// first token whose cumulative share of exp(z - lse) exceeds u in (0, 1). `logits` may hold -inf
/// for excluded tokens.
int32_t row_draw(const float* logits, int64_t vocabulary, double temperature,
                 const RowStatistics& statistics, double u);

}  // namespace temper::kernel
