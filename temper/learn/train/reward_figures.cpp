#include "temper/learn/train/reward_figures.h"

#include "temper/foundation/clock/clock.h"
#include "temper/learn/evaluate/evaluate.h"

namespace temper::train {

chat::RendererOptions renderer_options(const EnvironmentOptions& o) {
  chat::RendererOptions options;
  options.chat_template_path = o.chat_template_path;
  options.eos_token = o.eos_token;
  options.now_s = static_cast<int64_t>(clock::epoch_seconds());
  return options;
}

RewardFigures evaluate_rewards(Run& run, const env::Environment& environment,
                               const chat::Renderer& renderer, chat::Speaker& speaker,
                               const EnvironmentOptions& options,
                               const chat::SamplingOptions& sampling,
                               const evaluate::TokenJudge& judge) {
  const evaluate::Evaluation result = evaluate::evaluate(environment, renderer, speaker,
                                                         {.name = "eval",
                                                          .step = run.state().step,
                                                          .prompts = options.eval_prompts,
                                                          .samples = options.eval_samples,
                                                          .sampling = sampling,
                                                          .seed = run.options().run_seed(),
                                                          .judge = judge},
                                                         &run.log());
  RewardFigures figures{.reward = result.reward.mean, .parts = {}};
  for (const auto& [name, part] : result.parts)
    figures.parts.push_back({"rewards/" + name, part.mean});
  return figures;
}

}  // namespace temper::train
