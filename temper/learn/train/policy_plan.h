// prompts × samples → micro-batches → updates: the sizes of a policy run, checked to divide.
#pragma once

#include <cstdint>

#include "temper/learn/train/forecast.h"
#include "temper/learn/train/options.h"

namespace temper::algo {
struct Policy;
}

namespace temper::train {

struct PolicyPlan {
  int64_t prompts;  ///< of a generation batch
  int64_t samples;  ///< answers to each
  int64_t steps;    ///< optimizer steps of the run
  int64_t rows;     ///< of the training part
};
/// `rows`: of the environment's training part. Throws Error for sizes that do not divide, groups
/// smaller than the member's, sampling that training cannot use, and options that contradict each
/// other.
PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       const algo::Policy& member);

struct PolicyNeeds {
  bool reference, copy;  ///< the reference's log-probs are read; by a second model
};
/// What the run will take if answers are as long as they may be.
Forecast forecast(const PolicyPlan& plan, const RolloutOptions& rollout, double prompt_tokens,
                  const PolicyNeeds& needs);

}  // namespace temper::train
