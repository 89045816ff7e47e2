#include "temper/learn/train/policy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/policy.h"

namespace temper::train {

PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       const algo::Policy& member) {
  const int64_t answers = common.per_device_train_batch_size * common.gradient_accumulation_steps;
  auto line = [&] {
    return fmt::format(
        "per_device_train_batch_size {} × gradient_accumulation_steps {} = {} answers, "
        "num_generations {}",
        common.per_device_train_batch_size, common.gradient_accumulation_steps, answers,
        rollout.num_generations);
  };
  if (rollout.num_generations < member.group_at_least) {
    throw Error({fmt::format("num_generations: wanted at least {}, got {}", member.group_at_least,
                             rollout.num_generations),
                 "", "a group of one has nothing to be compared with"});
  }
  if (answers % rollout.num_generations != 0) {
    throw Error({"the answers of a step do not divide into groups", line(),
                 "make their product a multiple of num_generations"});
  }
  if (rollout.top_p < 1 || rollout.top_k > 0 || rollout.min_p > 0) {
    throw Error({"top_p, top_k and min_p cut the distribution that is trained on",
                 "policy training", "leave them at 1, 0 and 0; lower the temperature instead"});
  }
  if (rollout.overlong_buffer_len >= rollout.max_completion_length) {
    throw Error({fmt::format("overlong_buffer_len: wanted less than max_completion_length, {}, got "
                             "{}",
                             rollout.max_completion_length, rollout.overlong_buffer_len),
                 "", "it is the last part of an answer's room; a quarter of it is usual"});
  }
  if (rollout.filter_groups && member.against != algo::Against::Group) {
    throw Error(
        {"filter_groups replaces groups whose answers all earn the same, and here answers "
         "are not compared within their group",
         "", "leave it out"});
  }
  const algo::EntropyOptions& entropy = rollout.entropy;
  if (entropy.use_adaptive_entropy && entropy.entropy_coef_min > entropy.entropy_coef_max) {
    throw Error({fmt::format("entropy_coef_min {} is above entropy_coef_max {}",
                             entropy.entropy_coef_min, entropy.entropy_coef_max),
                 "", "the adapted coefficient stays between them"});
  }
  PolicyPlan plan{.prompts = answers / rollout.num_generations,
                  .samples = rollout.num_generations,
                  .steps = 0,
                  .rows = rows};
  if (rows < plan.prompts) {
    throw Error({fmt::format("a step takes {} prompts, the environment has {} training rows",
                             plan.prompts, rows),
                 "", "lower per_device_train_batch_size or gradient_accumulation_steps"});
  }
  const double generations =
      std::ceil(static_cast<double>(rows / plan.prompts) * common.num_train_epochs);
  plan.steps = common.max_steps > 0 ? common.max_steps
                                    : static_cast<int64_t>(generations) * rollout.num_iterations;
  return plan;
}

Forecast forecast(const PolicyPlan& plan, const RolloutOptions& rollout, double prompt_tokens,
                  const PolicyNeeds& needs) {
  const auto n = [](int64_t count) { return static_cast<double>(count); };
  const double updates = n(plan.steps), batches = updates / n(rollout.num_iterations);
  const double read = n(plan.prompts) * prompt_tokens,
               tokens = n(plan.prompts * plan.samples * rollout.max_completion_length);
  const int64_t at_once = std::min(rollout.max_sequences, plan.prompts * plan.samples);
  plan::Work work{.read_rows = batches * read,
                  .sampled_tokens = batches * tokens,
                  .trained_rows = updates * (read + tokens),
                  .trained_tokens = updates * tokens,
                  .context = prompt_tokens + n(rollout.max_completion_length) / 2,
                  .sequences = n(at_once),
                  .steps = updates};
  if (needs.reference) {
    work.read_rows += batches * (read + tokens);
    work.scored_tokens += batches * tokens;
  }
  return {.work = work,
          .max_sequences = at_once,
          .sequence_tokens = static_cast<int64_t>(prompt_tokens) + rollout.max_completion_length,
          .reference_copy = needs.copy,
          .at_most = true};
}

}  // namespace temper::train
