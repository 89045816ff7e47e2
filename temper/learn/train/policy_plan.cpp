#include "temper/learn/train/policy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/evaluate/rollout.h"

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
  PolicyPlan plan{.prompts = answers / rollout.num_generations * rollout.num_mini_batches,
                  .samples = rollout.num_generations,
                  .updates = rollout.num_iterations * rollout.num_mini_batches,
                  .steps = 0,
                  .rows = rows};
  if (rows < plan.prompts) {
    throw Error(
        {fmt::format("a batch takes {} prompts, the environment has {} training rows", plan.prompts,
                     rows),
         "", "lower per_device_train_batch_size, gradient_accumulation_steps or num_mini_batches"});
  }
  const double generations =
      std::ceil(static_cast<double>(rows / plan.prompts) * common.num_train_epochs);
  plan.steps =
      common.max_steps > 0 ? common.max_steps : static_cast<int64_t>(generations) * plan.updates;
  return plan;
}

double prompt_tokens(const env::Environment& environment, const chat::Renderer& renderer,
                     const PolicyPlan& plan, uint64_t seed) {
  constexpr int64_t kLooked = 16;
  double sum = 0;
  for (int64_t i = 0; i < kLooked; ++i) {
    const env::Row row = environment.row(env::Split::Train, i % plan.rows, seed);
    sum += static_cast<double>(evaluate::prompt_of(row, renderer).size());
  }
  return sum / kLooked;
}

Forecast forecast(const PolicyPlan& plan, const RolloutOptions& rollout, double prompt_tokens,
                  const PolicyNeeds& needs) {
  const auto n = [](int64_t count) { return static_cast<double>(count); };
  const double batches = n(plan.steps) / n(plan.updates), passes = n(rollout.num_iterations);
  const double read = n(plan.prompts) * prompt_tokens,
               tokens = n(plan.prompts * plan.samples * rollout.max_completion_length);
  const int64_t at_once = std::min(rollout.max_sequences, plan.prompts * plan.samples);
  plan::Work work{.read_rows = batches * read,
                  .sampled_tokens = batches * tokens,
                  .trained_rows = batches * passes * (read + tokens),
                  .trained_tokens = batches * passes * tokens,
                  .context = prompt_tokens + n(rollout.max_completion_length) / 2,
                  .sequences = n(at_once),
                  .steps = n(plan.steps)};
  int64_t critic_bytes = 0;
  if (needs.critic != nullptr) {  // reads what is sampled, learns what is learnt
    const double read_rows = batches * (read + tokens);
    work.other_flops =
        plan::flops(*needs.critic, {.read_rows = read_rows, .trained_rows = work.trained_rows}, {});
    // weights twice; masters, gradients and moments where all of it is trained
    critic_bytes = (needs.adapters ? 4 : 20) * weights::parameters_of(*needs.critic);
  }
  if (needs.reference) {
    work.read_rows += batches * (read + tokens);
    work.scored_tokens += batches * tokens;
  }
  return {.work = work,
          .max_sequences = at_once,
          .sequence_tokens = static_cast<int64_t>(prompt_tokens) + rollout.max_completion_length,
          .reference_copy = needs.copy,
          .other_bytes = critic_bytes,
          .at_most = true};
}

}  // namespace temper::train
