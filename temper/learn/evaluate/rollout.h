// Answers of a model to the rows of an environment, judged: what policy training learns from, what
// evaluation averages, and what rollouts.jsonl keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "temper/foundation/random/random.h"
#include "temper/foundation/text/json.h"
#include "temper/language/chat/renderer.h"
#include "temper/language/chat/speaker.h"
#include "temper/world/env/environment.h"

namespace temper::evaluate {

/// All answers to one row.
struct Rollout {
  env::Row row;
  std::vector<int32_t> prompt;  ///< as run
  std::vector<chat::Completion> completions;
  std::vector<reward::Verdict> verdicts;  ///< one a completion
};

/// Adds to the verdicts what tokens are read for: a reward model's scores, each as one more part.
using TokenJudge = std::function<void(std::vector<Rollout>& rollouts)>;

struct RolloutRequest {
  int64_t samples = 1;
  chat::SamplingOptions sampling;
  uint64_t seed = 42;
  random::Purpose purpose = random::Purpose::Sample;
  uint32_t step = 0;          ///< names the random stream, with the row's place in `rows`
  uint32_t first_prompt = 0;  ///< place of rows[0]
  uint32_t first_sample = 0;  ///< of answers beside others to the same rows
  TokenJudge judge = {};
};

/// The prompt tokens of a row: through the chat template, or its messages' text joined by blank
/// lines when the model has none.
std::vector<int32_t> prompt_of(const env::Row& row, const chat::Renderer& renderer);

std::vector<Rollout> roll_out(const env::Environment& environment, std::span<const env::Row> rows,
                              const chat::Renderer& renderer, chat::Speaker& speaker,
                              const RolloutRequest& request);

/// One line of rollouts.jsonl: all that a scorer outside needs to judge the answer again.
struct RolloutPlace {
  std::string phase;  ///< train, or the name of an evaluation
  int64_t step = 0;
  int64_t prompt_id = 0;
};
Json to_json(const Rollout& rollout, size_t sample, const RolloutPlace& place);

}  // namespace temper::evaluate
