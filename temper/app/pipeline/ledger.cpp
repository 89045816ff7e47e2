#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "temper/app/pipeline/pipeline.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/checksum.h"
#include "temper/foundation/file/file.h"

namespace temper::pipeline {
namespace {

namespace fs = std::filesystem;

std::string stamp(const fs::path& path) {
  return std::to_string(fs::file_size(path)) + " " +
         std::to_string(fs::last_write_time(path).time_since_epoch().count());
}

/// The files of a folder, all levels, in the order of their names.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Ledger::Ledger(const std::string& output_dir) : path_(output_dir + "/pipeline.json") {
  Json held = {{"stages", Json::object()}, {"files", Json::object()}};
  if (file::exists(path_)) {
    held = text::parse_json(file::read_file(path_), path_);
    if (!held.is_object() || !held.contains("stages") || !held.contains("files"))
      throw Error({"not a pipeline's record", path_, "remove it to run every stage anew"});
  }
  held_ = std::make_shared<const Json>(std::move(held));
}

void Ledger::write() const {
  file::write_atomically(path_, held_->dump(2) + "\n");
}

std::string Ledger::content(const std::string& path) {
  if (file::is_folder(path)) {
    std::string all;
    for (const fs::path& file : files_in(path))
      all += file.lexically_relative(path).string() + " " + content(file.string()) + "\n";
    return file::sha256(all);
  }
  const std::string now = stamp(path);
  const Json& files = (*held_)["files"];
  if (files.contains(path) && files[path].value("stamp", "") == now)
    return files[path].value("sha256", "");
  const std::string sum = file::sha256_of_file(path);
  Json changed = *held_;
  changed["files"][path] = {{"stamp", now}, {"sha256", sum}};
  held_ = std::make_shared<const Json>(std::move(changed));
  return sum;
}

std::string Ledger::fingerprint(const Pipeline& pipeline, const Stage& stage) {
  const Resolved resolved = resolve(pipeline, stage);
  std::string all = stage.command + "\n" + resolved.yaml;
  for (const std::string& path : resolved.files) all += path + " " + content(path) + "\n";
  for (const std::string& name : resolved.after)
    all += name + " " + (*held_)["stages"][name].value("fingerprint", "") + "\n";
  return file::sha256(all);
}

Ledger::Standing Ledger::standing(const Stage& stage, const std::string& fingerprint) const {
  const Json& stages = (*held_)["stages"];
  if (!stages.contains(stage.name)) return Standing::New;
  const Json& record = stages[stage.name];
  if (record.value("fingerprint", "") != fingerprint) return Standing::Changed;
  return record.value("finished", false) ? Standing::Finished : Standing::Stopped;
}

void Ledger::begin(const Stage& stage, const std::string& fingerprint) {
  Json changed = *held_;
  changed["stages"][stage.name] = {
      {"command", stage.command}, {"fingerprint", fingerprint}, {"finished", false}};
  held_ = std::make_shared<const Json>(std::move(changed));
  write();
}

void Ledger::finish(const Stage& stage, double seconds) {
  Json changed = *held_;
  changed["stages"][stage.name]["finished"] = true;
  changed["stages"][stage.name]["seconds"] = seconds;
  held_ = std::make_shared<const Json>(std::move(changed));
  write();
}

}  // namespace temper::pipeline
