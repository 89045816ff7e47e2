// One batch of answers and what the log says of it: rewards and their parts, lengths.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/learn/algo/advantage.h"
#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Rollouts, their rewards and advantages.
struct Generation {
  std::vector<evaluate::Rollout> rollouts;
  std::vector<evaluate::Rollout> filtered{};  ///< groups that were replaced
  std::vector<evaluate::Rollout> greedy{};    ///< one answer a prompt, where the member wants them
  int64_t batches = 1;                        ///< of prompts, sampled for this one
  algo::GroupRewards rewards;
  std::vector<double> advantages;            // [P · G]
  std::vector<std::vector<float>> ref_logp;  // [P · G][tokens]; empty unless the member reads it
  int64_t sampled_tokens = 0;
};

/// The rewards of all rollouts and their parts, less what length costs; an answer that was not
/// scored has reward 0 and `scored` 0.
algo::GroupRewards rewards_of(const std::vector<evaluate::Rollout>& rollouts,
                              const algo::Overlong& overlong = {});

/// [P] 1 where all scored answers of a group earned the same, or fewer than two were scored.
std::vector<char> flat_groups(const algo::GroupRewards& rewards);

/// reward (the first of them), reward_std, frac_reward_zero_std, rewards/NAME/{mean,std} and
/// completions/…, as TRL names and counts them.
Figures figures_of(const Generation& generation);

}  // namespace temper::train
