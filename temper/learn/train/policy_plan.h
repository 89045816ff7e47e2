// prompts × samples → micro-batches → updates: the sizes of a policy run, checked to divide.
#pragma once

#include <cstdint>

#include "temper/learn/train/options.h"

namespace temper::train {

struct PolicyPlan {
  int64_t prompts;  ///< of a generation batch
  int64_t samples;  ///< answers to each
  int64_t steps;    ///< optimizer steps of the run
  int64_t rows;     ///< of the training part
};
/// `rows`: of the environment's training part. Throws Error for sizes that do not divide, groups
/// below `group_at_least`, and sampling that training cannot use.
PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       int64_t group_at_least);

}  // namespace temper::train
