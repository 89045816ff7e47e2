// The tensors that members see, and the terms that they return. For sources of learn/algo and
// learn/step.
#pragma once

#include <string>
#include <vector>

#include "temper/engine/tensor/tensor.h"
#include "temper/learn/algo/terms.h"

namespace temper::algo {

/// N trained tokens of one micro-batch, float32 (float64 in tests). Undefined tensors were not
/// asked for.
struct Tokens {
  at::Tensor logp;            // [N] the trainer's log π(token); nats; the differentiable leaf
  at::Tensor entropy;         // [N] differentiable when the member declares it
  at::Tensor old_logp;        // [N] log π at the start of the update
  at::Tensor behaviour_logp;  // [N] log π as sampled
  at::Tensor ref_logp;        // [N] log π of the reference
  at::Tensor advantage;       // [N] of the token, or of its answer
  at::Tensor value;           // [N] the critic's, before the token; the differentiable leaf
  at::Tensor old_value;       // [N] at the start of the update
  at::Tensor value_target;    // [N] what it should have been
  at::Tensor divergence;      // [N] the student's from the teacher; nats; differentiable
  at::Tensor mean_logp{};     // [N] mean of log π over the vocabulary; differentiable
  at::Tensor kept;            // [N] 1, or 0 where the entropy mask takes the token's term away
  at::Tensor answer;    // [N] int64, 0 … answers-1 in order: which answer the token belongs to
  int64_t answers = 0;  // in this micro-batch
  /// Policy loops: the run's limit on an answer's tokens (Dr. GRPO divides by it); 0: not set.
  int64_t max_completion_length = 0;
};

struct Terms {
  at::Tensor value;  // [N], undivided
  Per per = Per::Token;
  double constant = 1;  // for Per::Constant
  std::vector<Metric> metrics;
  at::Tensor unmasked{};  // [N] added where defined; `kept` leaves it alone (a KL term)
  at::Tensor critic{};    // [N] the critic's own loss, undivided; undefined: there is no critic
  Per critic_per = Per::Token;
};

/// [answers] sum of `values` [N] over each answer's tokens.
at::Tensor answer_sum(const at::Tensor& values, const Tokens& tokens);
/// [answers] mean of `values` [N] over each answer's tokens; 0 for an answer without tokens.
at::Tensor answer_mean(const at::Tensor& values, const Tokens& tokens);

/// e^x of a difference x of two log-probs, x held to ±40: float32 stays finite even in the product
/// of two, and nothing that a run can survive is changed. NaN stays NaN.
at::Tensor ratio(const at::Tensor& log_ratio);

/// `values` detached, for the log.
Metric metric(std::string name, const at::Tensor& values);

/// The one division: Σ value · weight, with weights from `per` and the denominators of the whole
/// optimizer batch. An answer's tokens stand in one micro-batch. Returns a float64 scalar that can
/// be differentiated; nothing to count gives 0. Call it, and backward, under tensor::SingleThread.
at::Tensor divided(const Terms& terms, const Tokens& tokens, const Denominators& whole);
/// The same of the critic's loss, which the entropy mask leaves alone; 0 where there is none.
at::Tensor critic_divided(const Terms& terms, const Tokens& tokens, const Denominators& whole);

}  // namespace temper::algo
