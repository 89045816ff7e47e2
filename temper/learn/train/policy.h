// The policy loop: prompts are answered by the model itself, answers are judged in an environment,
// and a member of the policy family says how their log-probs move.
#pragma once

#include "temper/learn/evaluate/evaluate.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::algo {
class PolicyLoss;
struct Policy;
}  // namespace temper::algo

namespace temper::train {

/// prompts × samples → micro-batches → updates, checked to divide.
struct PolicyPlan {
  int64_t prompts;  ///< of a generation batch
  int64_t samples;  ///< answers to each
  int64_t steps;    ///< optimizer steps of the run
  int64_t rows;     ///< of the training part
};
PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       int64_t group_at_least);

/// Runs in an environment that the caller made.
Result policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
              const algo::Policy& member, const algo::PolicyLoss& loss);

/// The whole command.
Result grpo(const GrpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
            const Setting& setting);

}  // namespace temper::train
