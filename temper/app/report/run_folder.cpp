#include "temper/app/report/run_folder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/app/report/html.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

constexpr int64_t kRejectedKept = 50;

bool holds_run(const std::string& folder) {
  for (const char* name : {"config.yaml", "summary.json", "metrics.jsonl", "rollouts.jsonl"}) {
    if (file::exists(folder + "/" + name)) return true;
  }
  return false;
}

std::string read_if_there(const std::string& path) {
  return file::exists(path) ? file::read_file(path) : "";
}

void add_row(MetricTable& table, const Json& row) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  const double step = row.value("step", 0.0), time = row.value("time", 0.0);
  if (table.step.empty() || table.step.back() != step) {
    table.step.push_back(step);
    table.time.push_back(time);
  }
  for (const auto& [name, value] : row.items()) {
    if (name == "step" || name == "time" || !value.is_number()) continue;
    auto column = std::find_if(table.columns.begin(), table.columns.end(),
                               [&, &key = name](const auto& c) { return c.first == key; });
    if (column == table.columns.end()) {
      table.columns.push_back({name, {}});
      column = table.columns.end() - 1;
    }
    column->second.resize(table.step.size(), kMissing);
    column->second.back() = value.get<double>();
  }
}

Stage read_stage(const std::string& folder, const std::string& name) {
  Stage stage;
  stage.name = name;
  stage.config = read_if_there(folder + "/config.yaml");
  stage.decoded_batch = read_if_there(folder + "/decoded_batch.txt");
  if (const std::string path = folder + "/summary.json"; file::exists(path)) {
    try {
      Json summary = text::parse_json(file::read_file(path), path);
      if (!summary.is_object()) throw Error({"wanted a JSON object", path, ""});
      stage.summary = std::make_shared<const Json>(std::move(summary));
    } catch (const Error& error) {
      stage.remarks.push_back("summary.json cannot be read: " + error.parts().what);
    }
  }
  each_object(folder + "/metrics.jsonl", stage,
              [&](const Json& row) { add_row(stage.metrics, row); });
  for (auto& [column, values] : stage.metrics.columns)
    values.resize(stage.metrics.step.size(), std::numeric_limits<double>::quiet_NaN());
  each_object(folder + "/rejected.jsonl", stage, [&](const Json& row) {
    if (stage.rejected_count++ < kRejectedKept)
      stage.rejected.push_back(std::make_shared<const Json>(row));
  });
  read_rollouts(folder + "/rollouts.jsonl", stage);
  return stage;
}

double began(const Stage& stage) {
  return stage.metrics.time.empty() ? std::numeric_limits<double>::infinity()
                                    : stage.metrics.time[0];
}

}  // namespace

const std::vector<double>* MetricTable::find(const std::string& name) const {
  for (const auto& [column, values] : columns) {
    if (column == name) return &values;
  }
  return nullptr;
}

std::string Stage::setting(const std::string& key) const {
  for (size_t begin = 0; begin < config.size();) {
    const size_t end = std::min(config.find('\n', begin), config.size());
    const std::string line = config.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(key + ":")) continue;
    size_t from = line.find_first_not_of(' ', key.size() + 1);
    if (from == std::string::npos) return "";
    std::string value = line.substr(from);
    if (value.size() > 1 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
      value = value.substr(1, value.size() - 2);
    return value == "null" ? "" : value;
  }
  return "";
}

void each_object(const std::string& path, Stage& stage,
                 const std::function<void(const Json& row)>& take,
                 const std::function<bool(const std::string& line)>& skip) {
  std::ifstream in(path);
  if (!in) return;
  std::string line, first_bad;
  int64_t number = 0, bad = 0;
  while (std::getline(in, line)) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos || (skip && skip(line))) continue;
    try {
      const Json row = text::parse_json(line, path);
      if (!row.is_object()) throw Error({"wanted a JSON object", path, ""});
      take(row);
    } catch (const std::exception&) {  // Error, or a value of another type than the log's
      if (in.eof()) {
        stage.remarks.push_back("the last line of " + leaf(path) +
                                " is cut off and was left out: the run was stopped while writing");
        continue;
      }
      if (bad++ == 0) first_bad = text::grouped(number);
    }
  }
  if (bad > 0) {
    stage.remarks.push_back(text::grouped(bad) + (bad == 1 ? " line of " : " lines of ") +
                            leaf(path) + " could not be read (the first is line " + first_bad +
                            ")");
  }
}

RunFolder read_run(const std::string& folder) {
  const std::string hint = "name the folder given as --output_dir to a training command";
  if (!file::is_folder(folder)) {
    throw Error({file::exists(folder) ? "a run is a folder, this is a file" : "there is no folder",
                 folder, hint});
  }
  RunFolder run{.folder = folder, .root = read_stage(folder, ""), .stages = {}};
  for (const std::string& name : file::names_in(folder)) {
    const std::string path = folder + "/" + name;
    if (name == "checkpoints" || name == "best" || name[0] == '.' || !file::is_folder(path))
      continue;
    if (holds_run(path)) run.stages.push_back(read_stage(path, name));
  }
  if (run.stages.empty() && !holds_run(folder))
    throw Error({"the folder holds no run: it has no config.yaml and no logs", folder, hint});
  std::stable_sort(run.stages.begin(), run.stages.end(),
                   [](const Stage& a, const Stage& b) { return began(a) < began(b); });
  return run;
}

}  // namespace temper::report
