// prompts × samples → micro-batches → updates: the sizes of a policy run, checked to divide.
#pragma once

#include <cstdint>

#include "temper/learn/train/forecast.h"
#include "temper/learn/train/options.h"

namespace temper::algo {
struct Policy;
}
namespace temper::chat {
class Renderer;
}
namespace temper::env {
class Environment;
}

namespace temper::train {

struct PolicyPlan {
  int64_t prompts;  ///< of a generation batch
  int64_t samples;  ///< answers to each
  int64_t updates;  ///< optimizer steps on them
  int64_t steps;    ///< optimizer steps of the run
  int64_t rows;     ///< of the training part
};
/// `rows`: of the environment's training part. Throws Error for sizes that do not divide, groups
/// smaller than the member's, sampling that training cannot use, and options that contradict each
/// other.
PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       const algo::Policy& member);

/// Mean tokens of a few prompts.
double prompt_tokens(const env::Environment& environment, const chat::Renderer& renderer,
                     const PolicyPlan& plan, uint64_t seed);

struct PolicyNeeds {
  bool reference, copy;  ///< the reference's log-probs are read; by a second model
  const weights::ModelConfig* critic = nullptr;  ///< trained beside the policy
  bool adapters = false;                         ///< of both, and nothing else of them
};
/// What the run will take if answers are as long as they may be.
Forecast forecast(const PolicyPlan& plan, const RolloutOptions& rollout, double prompt_tokens,
                  const PolicyNeeds& needs);

}  // namespace temper::train
