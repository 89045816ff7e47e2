// GRPO's options, for the members that are GRPO with other defaults.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "temper/learn/algo/policy.h"

namespace temper::algo::grpo {

struct Options {
  double epsilon = 0.2, beta = 0.0;
  std::optional<double> epsilon_high{}, delta{}, loss_constant{}, off_policy_mask_threshold{};
  std::string loss_type = "dapo", importance_sampling_level = "token", scale_rewards = "group";
  std::string multi_objective_aggregation = "sum_then_normalize";
  bool use_bias_correction_kl = true;
  double sapo_temperature_pos = 1.0, sapo_temperature_neg = 1.05;
  double vespo_k_pos = 2, vespo_lambda_pos = 3, vespo_k_neg = 3, vespo_lambda_neg = 2;
};

/// GRPO under these defaults.
Policy preset(std::string_view summary, const Options& defaults);

}  // namespace temper::algo::grpo
