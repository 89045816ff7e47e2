// One batch of answers and what the log says of it: rewards and their parts, lengths.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/learn/algo/advantage.h"
#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Rollouts, their rewards and advantages.
struct Generation {
  std::vector<evaluate::Rollout> rollouts;
  std::vector<evaluate::Rollout> filtered{};  ///< groups that were replaced
  std::vector<evaluate::Rollout> greedy{};    ///< one answer a prompt, where the member wants them
  int64_t batches = 1;                        ///< of prompts, sampled for this one
  algo::GroupRewards rewards;
  algo::Credit credit;
  step::ByAnswer ref_logp;  // [P · G][tokens]; empty unless the member reads it
  int64_t sampled_tokens = 0;
};

/// The rewards of all rollouts and their parts, less what length costs; an answer that was not
/// scored has reward 0 and `scored` 0.
algo::GroupRewards rewards_of(const std::vector<evaluate::Rollout>& rollouts,
                              const algo::Overlong& overlong = {});

/// [P] 1 where all scored answers of a group earned the same, or fewer than two were scored.
std::vector<char> flat_groups(const algo::GroupRewards& rewards);

/// Whether answers that were cut teach.
enum class Truncated { Trained, LeftOut };
/// Whether the answer has tokens to train.
bool is_trained(const chat::Completion& answer, Truncated truncated);
/// For the trainer; the answers' ids are their places in the batch.
std::vector<batch::Group> groups_of(const Generation& generation, Truncated truncated);
/// [P · G][tokens] log π as sampled.
step::ByAnswer sampled_logp(const Generation& generation);
/// [P · G][tokens] advantages.
step::ByAnswer token_advantages(const Generation& generation);

/// reward (the first of them), reward_std, frac_reward_zero_std, rewards/NAME/{mean,std} and
/// completions/…, as TRL names and counts them, and what the member says of the batch.
Figures figures_of(const Generation& generation);

}  // namespace temper::train
