// Rewards from a model with a score head, which reads the tokens of prompt and answer as they were
// sampled.
#pragma once

#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Adds the score of --reward_model_name_or_path as the part reward_model, times its weight; empty
/// where none is named. `run` must outlive it. Throws Error for what is no reward
/// model, and for other tokens than the policy's.
evaluate::TokenJudge reward_model(Run& run, const EnvironmentOptions& options);

}  // namespace temper::train
