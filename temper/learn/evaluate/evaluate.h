// How well a model does in an environment: mean reward and parts over held-out prompts, with
// intervals.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/runlog/runlog.h"
#include "temper/foundation/statistics/statistics.h"
#include "temper/learn/evaluate/rollout.h"

namespace temper::evaluate {

using statistics::Interval;
using statistics::interval;
using statistics::paired_gain;

struct EvaluationOptions {
  std::string name;  ///< the phase in rollouts.jsonl
  int64_t step = 0;
  int64_t prompts = 64, samples = 1;
  chat::SamplingOptions sampling;
  uint64_t seed = 42;
  uint32_t number = 0;   ///< names the random stream; equal numbers draw alike
  int64_t at_once = 64;  ///< prompts rolled out between calls of `progress`
  std::function<void(int64_t done)> progress = {};
  TokenJudge judge = {};
};

struct Evaluation {
  std::string name;
  int64_t prompts = 0, samples = 0;
  std::vector<double> rewards;  ///< [prompt] mean over its scored answers
  Interval reward;
  std::vector<std::pair<std::string, Interval>> parts;  ///< unweighted scores
  /// k = 1, 2, 4, … samples, and pass@k. An answer passes with the highest reward there is; of a
  /// prompt with fewer than k scored answers all of them count.
  std::vector<std::pair<int64_t, double>> pass_at;
  double mean_length = 0, truncated = 0;
  int64_t unscored = 0;
};

/// Rows 0 … prompts-1 of the held-out split. Every answer goes into `log` (which may be null).
Evaluation evaluate(const env::Environment& environment, const chat::Renderer& renderer,
                    chat::Speaker& speaker, const EvaluationOptions& options, runlog::RunLog* log);

Json to_json(const Interval& interval);
Json to_json(const Evaluation& evaluation);

}  // namespace temper::evaluate
