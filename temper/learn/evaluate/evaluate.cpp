#include "temper/learn/evaluate/evaluate.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::evaluate {

Evaluation evaluate(const env::Environment& environment, const chat::Renderer& renderer,
                    chat::Speaker& speaker, const EvaluationOptions& options, runlog::RunLog* log) {
  Evaluation result;
  result.name = options.name;
  result.samples = options.samples;
  result.prompts = std::min(options.prompts, environment.size(env::Split::HeldOut));
  const double highest = environment.rubric().highest();
  std::vector<std::pair<std::string, std::vector<double>>> parts;
  for (const reward::Part& part : environment.rubric().parts()) parts.push_back({part.name, {}});
  for (int64_t k : statistics::pass_counts(options.samples)) result.pass_at.emplace_back(k, 0.0);
  double answers = 0;
  for (int64_t first = 0; first < result.prompts; first += options.at_once) {
    std::vector<env::Row> rows;
    for (int64_t i = first; i < std::min(result.prompts, first + options.at_once); ++i) {
      rows.push_back(environment.row(env::Split::HeldOut, i, options.seed));
    }
    const std::vector<Rollout> rollouts = roll_out(environment, rows, renderer, speaker,
                                                   {.samples = options.samples,
                                                    .sampling = options.sampling,
                                                    .seed = options.seed,
                                                    .purpose = random::Purpose::Evaluate,
                                                    .step = options.number,
                                                    .first_prompt = static_cast<uint32_t>(first),
                                                    .judge = options.judge});
    for (size_t i = 0; i < rollouts.size(); ++i) {
      const Rollout& rollout = rollouts[i];
      for (size_t p = parts.size(); p < rollout.verdicts[0].parts.size(); ++p)
        parts.push_back({rollout.verdicts[0].parts[p].name, {}});
      double total = 0, scored = 0;
      int64_t right = 0;
      std::vector<double> part_total(parts.size(), 0.0);
      for (size_t s = 0; s < rollout.completions.size(); ++s) {
        const reward::Verdict& verdict = rollout.verdicts[s];
        result.mean_length += static_cast<double>(rollout.completions[s].tokens.size());
        result.truncated += rollout.completions[s].finish == chat::Finish::Length ? 1 : 0;
        ++answers;
        if (log != nullptr) {
          log->rollout(
              to_json(rollout, s, {options.name, options.step, first + static_cast<int64_t>(i)}));
        }
        if (verdict.outcome != reward::Outcome::Scored) {
          ++result.unscored;
          continue;
        }
        total += verdict.reward;
        ++scored;
        if (verdict.reward >= highest - 1e-9) ++right;
        for (size_t p = 0; p < parts.size(); ++p) part_total[p] += verdict.parts[p].score.value;
      }
      if (scored == 0) continue;  // all its answers failed to be judged
      result.rewards.push_back(total / scored);
      for (size_t p = 0; p < parts.size(); ++p) parts[p].second.push_back(part_total[p] / scored);
      const int64_t n = static_cast<int64_t>(scored);
      for (auto& [k, passed] : result.pass_at)
        passed += statistics::pass_at_k(n, right, std::min(k, n));
    }
    if (options.progress) options.progress(std::min(result.prompts, first + options.at_once));
  }
  const double judged = std::max<double>(1, static_cast<double>(result.rewards.size()));
  result.reward = interval(result.rewards);
  for (const auto& [name, values] : parts) result.parts.emplace_back(name, interval(values));
  for (auto& [k, passed] : result.pass_at) passed /= judged;
  result.mean_length /= std::max(1.0, answers);
  result.truncated /= std::max(1.0, answers);
  if (log != nullptr) log->flush();
  return result;
}

Json to_json(const Interval& interval) {
  return {{"mean", interval.mean}, {"low", interval.low}, {"high", interval.high}};
}

Json to_json(const Evaluation& e) {
  Json json = {{"reward", e.reward.mean}, {"reward_interval", {e.reward.low, e.reward.high}}};
  for (const auto& [name, part] : e.parts) {
    json[name] = part.mean;
    json[name + "_interval"] = {part.low, part.high};
  }
  json["prompts"] = e.prompts;
  json["samples"] = e.samples;
  for (const auto& [k, passed] : e.pass_at) json["pass@" + std::to_string(k)] = passed;
  json["mean_length"] = e.mean_length;
  json["truncated"] = e.truncated;
  json["unscored"] = e.unscored;
  return json;
}

}  // namespace temper::evaluate
