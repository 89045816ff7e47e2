// One batch of answers and what the log says of it: rewards and their parts, lengths.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/learn/algo/policy.h"
#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Rollouts, their rewards and advantages.
struct Generation {
  std::vector<evaluate::Rollout> rollouts;
  algo::GroupRewards rewards;
  std::vector<double> advantages;            // [P · G]
  std::vector<std::vector<float>> ref_logp;  // [P · G][tokens]; empty unless the member reads it
  int64_t sampled_tokens = 0;
};

/// The rewards of all rollouts; an answer that was not scored has reward 0 and `scored` 0.
algo::GroupRewards rewards_of(const std::vector<evaluate::Rollout>& rollouts);

/// reward (the first of them), reward_std, frac_reward_zero_std, rewards/NAME/{mean,std} and
/// completions/…, as TRL names and counts them.
Figures figures_of(const Generation& generation);

}  // namespace temper::train
