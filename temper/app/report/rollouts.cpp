// rollouts.jsonl: evaluations are added up prompt by prompt; of the training answers, which are
// many, only the first and last few are parsed.
#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "temper/app/report/html.h"
#include "temper/app/report/run_folder.h"

namespace temper::report {
namespace {

constexpr size_t kTrainKept = 6;

std::optional<double> number(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

Sample sample_of(const Json& row) {
  Sample sample;
  sample.step = row.value("step", int64_t{0});
  sample.prompt_id = row.value("prompt_id", int64_t{0});
  sample.sample = row.value("sample", int64_t{0});
  sample.tokens = row.value("tokens", int64_t{0});
  for (const Json& message : row.value("prompt", Json::array())) {
    const std::string content = words(message, "content"), role = words(message, "role");
    if (role == "system") {
      sample.system += content;
    } else {
      if (!sample.prompt.empty()) sample.prompt += "\n\n" + role + ": ";
      sample.prompt += content;
    }
  }
  sample.completion = words(row, "completion");
  sample.answer = words(row, "answer");
  sample.outcome = words(row, "outcome");
  sample.reason = words(row, "reason");
  sample.finish = words(row, "finish");
  sample.reward = number(row, "reward");
  sample.advantage = number(row, "advantage");
  const Json parts = row.value("parts", Json::object());
  for (const auto& [name, part] : parts.items())
    sample.parts.push_back({name, number(part, "score"), number(part, "weight").value_or(0)});
  return sample;
}

void add(Sample sample, Phase& phase) {
  Tally& tally = phase.prompts[sample.prompt_id];
  double highest = 0;
  for (const PartScore& part : sample.parts) {
    highest += std::max(0.0, part.weight);
    if (std::find(phase.part_names.begin(), phase.part_names.end(), part.name) ==
        phase.part_names.end())
      phase.part_names.push_back(part.name);
  }
  phase.highest = std::max(phase.highest, highest);
  ++tally.answers;
  tally.tokens += sample.tokens;
  tally.cut += sample.finish == "length" ? 1 : 0;
  if (sample.reward) {
    ++tally.scored;
    tally.reward += *sample.reward;
    tally.right += !sample.parts.empty() && *sample.reward >= highest - 1e-9 ? 1 : 0;
    for (const PartScore& part : sample.parts) tally.parts[part.name] += part.score.value_or(0);
  }
  const int64_t prompt = sample.prompt_id;
  const auto [kept, is_new] = phase.samples.try_emplace(prompt, sample);
  if (!is_new && sample.sample < kept->second.sample) kept->second = std::move(sample);
}

}  // namespace

void read_rollouts(const std::string& path, Stage& stage) {
  std::deque<std::string> train_tail;
  auto skip = [&](const std::string& line) {
    if (!line.starts_with(R"({"phase":"train")")) return false;
    if (stage.first.size() < kTrainKept) return false;
    train_tail.push_back(line);
    if (train_tail.size() > kTrainKept) train_tail.pop_front();
    return true;
  };
  each_object(
      path, stage,
      [&](const Json& row) {
        const std::string name = words(row, "phase");
        Sample sample = sample_of(row);
        if (name == "train") {
          auto& kept = stage.first.size() < kTrainKept ? stage.first : stage.last;
          if (kept.size() == kTrainKept) kept.erase(kept.begin());
          return kept.push_back(std::move(sample));
        }
        auto same = [&](const Phase& p) { return p.name == name && p.step == sample.step; };
        auto phase = std::find_if(stage.phases.begin(), stage.phases.end(), same);
        if (phase == stage.phases.end()) {
          // Evaluations during training come again and again: the first and the latest are kept.
          std::vector<Phase*> earlier;
          for (Phase& p : stage.phases) {
            if (p.name == name) earlier.push_back(&p);
          }
          if (earlier.size() > 1)
            stage.phases.erase(stage.phases.begin() + (earlier.back() - stage.phases.data()));
          stage.phases.emplace_back();
          phase = stage.phases.end() - 1;
          phase->name = name;
          phase->step = sample.step;
        }
        add(std::move(sample), *phase);
      },
      skip);
  for (const std::string& line : train_tail) {
    try {
      stage.last.push_back(sample_of(text::parse_json(line, path)));
    } catch (const std::exception&) {  // the run was stopped while writing it
      stage.remarks.push_back("the last line of rollouts.jsonl is cut off and was left out");
    }
  }
}

}  // namespace temper::report
