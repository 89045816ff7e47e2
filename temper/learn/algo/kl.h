// Estimators of KL(π ‖ π_ref) at one token, from Schulman, "Approximating KL divergence" (2020).
// Tokens are sampled from π and x = log π - log π_ref, nats:
//
//   k1 = x     k2 = x² / 2     k3 = e^-x + x - 1     abs = |x| (verl's name)
//
// k1 and k3 have the right mean; k3 is never negative. As a term of a loss they behave otherwise:
// on policy the gradient of k1 is 0 on average, that of k2 is that of KL(π ‖ π_ref), and that of k3
// is that of KL(π_ref ‖ π) unless k3 is multiplied by ρ = π / sg(π).
#pragma once

#include "temper/engine/tensor/tensor.h"

namespace temper::algo::kl {

/// [N] from log π and log π_ref [N], nats; any sign.
inline at::Tensor k1(const at::Tensor& logp, const at::Tensor& ref_logp) {
  return logp - ref_logp;
}

/// [N], >= 0.
inline at::Tensor k2(const at::Tensor& logp, const at::Tensor& ref_logp) {
  const at::Tensor x = logp - ref_logp;
  return x * x / 2;
}

/// [N], >= 0. The difference is held to ±40, so that float32 does not overflow (leaves.h, ratio).
inline at::Tensor k3(const at::Tensor& logp, const at::Tensor& ref_logp) {
  const at::Tensor d = at::clamp(ref_logp - logp, -40, 40);
  return at::expm1(d) - d;
}

/// [N], >= 0. No estimate of the divergence: it counts moves in either direction.
inline at::Tensor abs(const at::Tensor& logp, const at::Tensor& ref_logp) {
  return at::abs(logp - ref_logp);
}

}  // namespace temper::algo::kl
