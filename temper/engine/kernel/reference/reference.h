// Each kernel's formula in plain tensor operations, never optimised. Autograd through them proves
// every backward kernel. Any floating-point dtype; tests use float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace temper::kernel::reference {

/// y = w · x / sqrt(mean(x²) + eps) over the last dimension.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// silu(gate) · up of [rows, 2·width], gate first.
at::Tensor swiglu(const at::Tensor& gate_up);

/// x [rows, heads, head_dim]; cosine, sine [rows, head_dim/2] of each row's position.
at::Tensor rope(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine);

struct Attention {
  at::Tensor out, lse;  // [T, heads, head_dim], [T, heads]
};
/// Causal attention of one sequence: q [T, heads, head_dim], k and v [T, kv_heads, head_dim]; a
/// query sees `window` positions, or all before it.
Attention attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                    int64_t window = 0);

struct Head {
  at::Tensor logp, lse, entropy, sum_p2, mean_logp;  // [N]
};
/// hidden [N, width], weight [vocabulary, width], targets [N] (int64).
Head head(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
          double temperature);

/// [N] The divergence of kernel/divergence.h between two heads' distributions.
struct DivergenceHeads {
  at::Tensor hidden, weight;                  // [N, width], [vocabulary, width]
  at::Tensor teacher_hidden, teacher_weight;  // the teacher's may have another width
};
at::Tensor divergence(const DivergenceHeads& heads, double beta, double temperature);

struct AdamWState {
  at::Tensor parameter, m, v;
};
struct AdamWOptions {
  double lr, beta1, beta2, eps, weight_decay, gradient_scale;
  int64_t step;
};
AdamWState adamw(const AdamWState& state, const at::Tensor& gradient, const AdamWOptions& options);

}  // namespace temper::kernel::reference
