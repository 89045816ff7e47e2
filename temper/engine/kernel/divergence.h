// How far a student's next-token distribution is from a teacher's, row by row, without a [tokens,
// vocabulary] tensor of either. With S = softmax(student's z), T = softmax(teacher's z), both
// logits divided by the temperature, and M = (1-β) S + β T:
//
//   β = 0       KL(T ‖ S)                       the forward divergence
//   β = 1       KL(S ‖ T)                       the reverse divergence
//   0 < β < 1   β KL(T ‖ M) + (1-β) KL(S ‖ M)   generalised Jensen-Shannon (Agarwal et al. 2023,
//                                               arXiv 2306.13649, eq. 1, as TRL 1.16 orders it)
//
// The gradient in the student's logits is S (h - Σ S h) / temperature with
// h = (1-β) (log S - log M), log S - log T, and -T / S respectively.
#pragma once

#include <cstdint>

#include "temper/engine/kernel/head.h"

namespace temper::kernel {

struct DivergenceInput {
  HeadInput student;             // its targets are not read
  const float* student_lse;      // [N] from head()
  const float* teacher_hidden;   // [N, teacher's width]
  const Panels& teacher_weight;  // teacher's width × vocabulary, packed Transposed
  const float* teacher_lse;      // [N] from head(), at the student's temperature
  double beta;                   // in [0, 1]
};
/// value: [N] nats, ≥ 0 up to rounding. centre: [N] Σ S h, for the backward pass.
void divergence(const DivergenceInput& in, float* value, float* centre);

struct DivergenceGradient {
  const float* centre;         // [N] from divergence()
  const float* d_value;        // [N] ∂L/∂value
  const Panels& weight_plain;  // the student's head, packed Plain
  float* d_hidden;             // [N, width], overwritten
  float* d_weight = nullptr;   // [vocabulary, width], added to; null for a frozen head
};
/// Of the student's head alone; logits of both are computed again.
void divergence_backward(const DivergenceInput& in, const DivergenceGradient& gradient);

}  // namespace temper::kernel
