// A run folder read back, forgivingly: a stopped run lacks files, and a killed one can end in half
// a line. What could not be read is named in `remarks`, for the page to show.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/statistics/statistics.h"
#include "temper/foundation/text/json.h"

namespace temper::report {

/// metrics.jsonl by columns; rows of one step are one row. Missing values are NaN.
struct MetricTable {
  std::vector<double> step, time;                                    // [row]; time in epoch seconds
  std::vector<std::pair<std::string, std::vector<double>>> columns;  // each [row]
  /// The column, or null.
  const std::vector<double>* find(const std::string& name) const;
};

struct PartScore {
  std::string name;
  std::optional<double> score;  ///< nothing: the verifier failed
  double weight = 0;
};

/// One line of rollouts.jsonl.
struct Sample {
  int64_t step = 0, prompt_id = 0, sample = 0, tokens = 0;
  std::string system, prompt, completion, answer, outcome, reason, finish;
  std::optional<double> reward, advantage;
  std::vector<PartScore> parts;
};

using statistics::Interval;
using statistics::interval;

/// What one prompt's answers add up to.
struct Tally {
  int64_t answers = 0, scored = 0, right = 0, cut = 0, tokens = 0;
  double reward = 0;
  std::map<std::string, double> parts;
};

/// One evaluation: the rollouts of a phase other than train.
struct Phase {
  std::string name;
  int64_t step = 0;
  std::map<int64_t, Tally> prompts;   ///< by prompt_id
  std::map<int64_t, Sample> samples;  ///< the first answer to each prompt
  std::vector<std::string> part_names;
  double highest = 0;  ///< the largest reward there is: the sum of the weights
};

/// One run: a folder with its own logs.
struct Stage {
  std::string name;  ///< "" for the folder itself
  std::string config;
  JsonPtr summary;  ///< null: not finished
  MetricTable metrics;
  std::vector<Phase> phases;        ///< in the order they were made; of "eval", the first and last
  std::vector<Sample> first, last;  ///< training answers at the start and the end
  std::string decoded_batch;
  std::vector<JsonPtr> rejected;  ///< the first ones
  int64_t rejected_count = 0;
  std::vector<std::string> remarks;
  /// A top-level "key: value" of config.yaml, unquoted; "" if it is not there.
  std::string setting(const std::string& key) const;
};

struct RunFolder {
  std::string folder;
  Stage root;
  std::vector<Stage> stages;  ///< sub-folders that are runs, in the order they began; or the root
};

/// Throws Error when `folder` holds no run.
RunFolder read_run(const std::string& folder);

/// Reads rollouts.jsonl into stage.phases, first and last.
void read_rollouts(const std::string& path, Stage& stage);

/// Calls `take` with every line that is a JSON object; what is no such line becomes a remark. Lines
/// for which `skip` is true are not parsed.
void each_object(const std::string& path, Stage& stage,
                 const std::function<void(const Json& row)>& take,
                 const std::function<bool(const std::string& line)>& skip = {});

}  // namespace temper::report
