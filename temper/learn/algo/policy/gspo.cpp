// GSPO: Zheng et al. 2025 (arXiv 2507.18071). GRPO with one ratio an answer, the geometric mean of
// its tokens' ratios, and terms averaged over answers:
//
//   ρ_i = e^((1/|y_i|) Σ_t (log π - log π_old))
//   L_i = -min(ρ_i A_i, clip(ρ_i, 1-ε, 1+ε_high) A_i)
//
// The options are those of grpo; the defaults that differ are those of the paper's experiments:
// loss_type grpo, importance_sampling_level sequence, epsilon 3e-4, epsilon_high 4e-4.
#include "temper/learn/algo/policy/grpo.h"
namespace temper::algo::gspo {

grpo::Options defaults() {
  grpo::Options options;
  options.loss_type = "grpo";
  options.importance_sampling_level = "sequence";
  options.epsilon = 3e-4;
  options.epsilon_high = 4e-4;
  return options;
}

extern const Policy entry =
    grpo::preset("GRPO with one ratio an answer (arXiv 2507.18071)", defaults());
}  // namespace temper::algo::gspo
