// What loops that sample in an environment share: how its rows become tokens, and how the model
// does on held-out prompts.
#pragma once

#include "temper/language/chat/renderer.h"
#include "temper/language/chat/speaker.h"
#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"
#include "temper/world/env/environment.h"

namespace temper::train {

chat::RendererOptions renderer_options(const EnvironmentOptions& options);

/// Means over held-out prompts: the reward, and rewards/NAME of its parts. Answers go into the
/// run's log.
struct RewardFigures {
  double reward = 0;
  Figures parts;
};
RewardFigures evaluate_rewards(Run& run, const env::Environment& environment,
                               const chat::Renderer& renderer, chat::Speaker& speaker,
                               const EnvironmentOptions& options,
                               const chat::SamplingOptions& sampling,
                               const evaluate::TokenJudge& judge);

}  // namespace temper::train
