// Where a policy run's answers come from: prompts in the order of their epoch, answers sampled by
// the current weights and judged; groups without signal replaced by others where the run wants it
// (dynamic sampling: Yu et al. 2025, arXiv 2503.14476, section 3.2).
#pragma once

#include "temper/language/chat/renderer.h"
#include "temper/language/chat/speaker.h"
#include "temper/learn/train/generation.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/policy_plan.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// What --env, or --dataset_name with --reward_funcs, names. Throws Error for neither and both.
std::unique_ptr<env::Environment> environment_of(const EnvironmentOptions& options);

class Generator {
 public:
  /// All must outlive it.
  Generator(Run& run, const RolloutOptions& options, const env::Environment& environment,
            const chat::Renderer& renderer, chat::Speaker& speaker, algo::Against against,
            evaluate::TokenJudge judge = {});

  /// The `number`-th batch of `plan.prompts` groups: rollouts and rewards. Moves the run's cursor
  /// over the training rows.
  Generation next(const PolicyPlan& plan, int64_t number);

  static chat::SamplingOptions sampling(const RolloutOptions& options);

 private:
  std::vector<env::Row> rows(const PolicyPlan& plan);
  std::vector<evaluate::Rollout> answers(std::span<const env::Row> rows, int64_t samples,
                                         double temperature, uint32_t number, int64_t first_prompt);
  algo::GroupRewards rewards(const std::vector<evaluate::Rollout>& rollouts) const;
  void replace_flat_groups(const PolicyPlan& plan, int64_t number, Generation& g);
  void add_greedy(int64_t number, Generation& g);

  Run& run_;
  const RolloutOptions& options_;
  const env::Environment& environment_;
  const chat::Renderer& renderer_;
  chat::Speaker& speaker_;
  algo::Against against_;
  evaluate::TokenJudge judge_;
};

}  // namespace temper::train
