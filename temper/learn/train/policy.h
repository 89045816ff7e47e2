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

/// Runs in an environment that the caller made. `critic`: of members that have one.
Result policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
              const algo::Policy& member, const algo::PolicyLoss& loss,
              const CriticOptions& critic = {});

/// The whole commands: of a member without a critic, and with one.
Result grpo(const GrpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
            const Setting& setting);
Result ppo(const PpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
           const Setting& setting);

}  // namespace temper::train
