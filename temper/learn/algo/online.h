// What members of the preference family share whose pairs are sampled: TRL 1.16's OnlineDPOTrainer
// and its kin. Sums over answers, not means over tokens as dpo's ipo has them.
#pragma once

#include <string>
#include <vector>

#include "temper/learn/algo/preference.h"

namespace temper::algo {

struct OnlineLoss {
  double beta = 0.1;
  std::string loss_type = "sigmoid";
};
void describe(config::Fields<OnlineLoss>& f);

/// [P] -log σ(βΔ), or (Δ - 1/(2β))² for ipo; Δ = (log π - log π_ref)_chosen - (the same)_rejected
at::Tensor online_loss(const Pairs& pairs, const OnlineLoss& options);

/// pair_metrics, and over all answers objective/kl (of log π - log π_ref), objective/entropy
/// (-log π) and objective/non_score_reward (-β · kl), sums over an answer's tokens.
std::vector<Metric> online_metrics(const Pairs& pairs, double beta);

}  // namespace temper::algo
