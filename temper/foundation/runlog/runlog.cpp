#include "temper/foundation/runlog/runlog.h"

#include <nlohmann/json.hpp>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/runlog/tensorboard.h"
#include "temper/foundation/text/number.h"

namespace temper::runlog {

RunLog::RunLog(const std::string& folder) : folder_(folder) {
  file::make_folder(folder);
  for (const char* name : {"metrics.jsonl", "rollouts.jsonl", "rejected.jsonl", kEventFile}) {
    files_.push_back({name, file::AppendFile::open(folder + "/" + name)});
  }
  begin_events();
}

void RunLog::begin_events() {
  file::AppendFile& events = files_[kEvents].file;
  if (events.size() > 0) return;
  events.write(event_file_header(clock::epoch_seconds()));
  events.flush();
}

void RunLog::log(const Metrics& metrics) {
  double now = clock::epoch_seconds();
  Json line = {{"step", metrics.step}, {"epoch", metrics.epoch}, {"time", now}};
  std::vector<std::pair<std::string, double>> tags;
  for (const auto& [name, value] : metrics.values) {
    ASSERT(!line.contains(name), "a metric is named once, and not step, epoch or time");
    line[name] = value;
    tags.emplace_back(tensorboard_tag(name), value);
  }
  tags.emplace_back(tensorboard_tag("epoch"), metrics.epoch);
  files_[kMetrics].file.write(text::to_line(line) + "\n");
  files_[kEvents].file.write(scalar_event({now, metrics.step}, tags));
  flush();
}

void RunLog::text(int64_t step, const std::string& tag, const std::string& markdown) {
  files_[kEvents].file.write(text_event({clock::epoch_seconds(), step}, tag, markdown));
  files_[kEvents].file.flush();
}

void RunLog::rollout(const Json& row) {
  files_[kRollouts].file.write(text::to_line(row) + "\n");
}

void RunLog::rejected(const Json& row) {
  files_[kRejected].file.write(text::to_line(row) + "\n");
  files_[kRejected].file.flush();
}

void RunLog::write_config(const std::string& yaml) {
  file::write_atomically(folder_ + "/config.yaml", yaml);
}

void RunLog::write_summary(const Json& summary) {
  file::write_atomically(folder_ + "/summary.json",
                         summary.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void RunLog::flush() {
  for (Appended& appended : files_) appended.file.flush();
}

void RunLog::sync() {
  for (Appended& appended : files_) appended.file.sync();
}

Json RunLog::offsets() const {
  Json offsets = Json::object();
  for (const Appended& appended : files_) offsets[appended.name] = appended.file.size();
  return offsets;
}

void RunLog::truncate_to(const Json& offsets) {
  // All are checked before any is cut, so that a refusal changes nothing.
  for (const Appended& appended : files_) {
    std::string where = folder_ + "/" + appended.name;
    if (!offsets.is_object() || !offsets.contains(appended.name) ||
        !offsets[appended.name].is_number_integer() || offsets[appended.name].get<int64_t>() < 0) {
      throw Error({"the checkpoint does not say where this log stood", where,
                   "resume from another checkpoint"});
    }
    auto wanted = offsets[appended.name].get<int64_t>();
    if (appended.file.size() < wanted) {
      throw Error({"the log is shorter than at the checkpoint: wanted at least " +
                       text::grouped(wanted) + " bytes, got " + text::grouped(appended.file.size()),
                   where, "restore the file, or resume from an earlier checkpoint"});
    }
  }
  for (Appended& appended : files_) {
    appended.file.truncate(offsets[appended.name].get<int64_t>());
  }
  begin_events();
}

}  // namespace temper::runlog
