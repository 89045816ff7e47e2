// Dr. GRPO: Liu et al. 2025 (arXiv 2503.20783). GRPO without its two divisions, by the std of the
// group and by the length of the answer:
//
//   A_i = r_i - mean r
//   L = Σ_i Σ_t ℓ_it / (answers · constant)
//
// The members' options are those of grpo; only two defaults differ: loss_type dr_grpo and
// scale_rewards none. (TRL's loss_type dr_grpo alone keeps the std.)
#include "temper/learn/algo/policy/grpo.h"
namespace temper::algo::dr_grpo {

grpo::Options defaults() {
  grpo::Options options;
  options.loss_type = "dr_grpo";
  options.scale_rewards = "none";
  return options;
}

extern const Policy entry =
    grpo::preset("GRPO without division by std and length (arXiv 2503.20783)", defaults());
}  // namespace temper::algo::dr_grpo
