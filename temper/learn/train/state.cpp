#include "temper/learn/train/state.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/load.h"
#include "temper/engine/tensor/isa.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/checksum.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"

namespace temper::train {
namespace {

constexpr const char* kOptimizer = "/optimizer.safetensors";
constexpr const char* kState = "/state.json";

void copy_out(const file::Safetensors& file, const std::string& name, std::span<std::byte> out) {
  const file::Safetensors::Tensor* tensor = file.find(name);
  if (tensor == nullptr || tensor->data.size() != out.size_bytes()) {
    throw Error({"the checkpoint's '" + name + "' is not this model's", file.where(),
                 "resume with the model and the options that the run began with"});
  }
  std::copy(tensor->data.begin(), tensor->data.end(), out.begin());
}

uint32_t checksum(const file::Safetensors& file) {
  uint32_t sum = 0;
  for (const file::Safetensors::Tensor& tensor : file.tensors()) {
    sum = sum * 31 +
          file::crc32c({reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()});
  }
  return sum;
}

/// What the optimizer's file holds: masters, moments, and a reference that follows.
std::vector<optim::Moments::Tensor> everything(const CheckpointParts& parts) {
  const std::span<float> masters = parts.model.store().masters();
  std::vector<optim::Moments::Tensor> all = {
      {"master", file::Format::F32, std::ssize(masters), std::as_writable_bytes(masters)}};
  for (optim::Moments::Tensor& tensor : parts.optimizer.moments()) all.push_back(std::move(tensor));
  if (!parts.reference.empty()) {
    all.push_back({"reference", file::Format::F32, std::ssize(parts.reference),
                   std::as_writable_bytes(parts.reference)});
  }
  return all;
}

std::string folder_of(const std::string& checkpoint, const CheckpointParts& parts) {
  return parts.name.empty() ? checkpoint : checkpoint + "/" + parts.name;
}

/// Returns what state.json keeps of it.
Json write_part(const std::string& checkpoint, const CheckpointParts& parts) {
  const std::string folder = folder_of(checkpoint, parts);
  file::make_folder(folder);
  write_weights(folder, parts);
  const std::vector<optim::Moments::Tensor> tensors = everything(parts);
  std::vector<file::SafetensorsWriter::Entry> entries;
  for (const auto& tensor : tensors)
    entries.push_back({tensor.name, tensor.format, {tensor.count}});
  file::SafetensorsWriter writer(folder + kOptimizer, entries);
  for (const auto& tensor : tensors) writer.write(tensor.name, tensor.bytes);
  writer.close();
  return {{"steps", parts.optimizer.steps()},
          {"crc32c", checksum(file::Safetensors::open(folder + kOptimizer))}};
}

void read_part(const std::string& checkpoint, const Json& kept, const CheckpointParts& parts) {
  const std::string path = folder_of(checkpoint, parts) + kOptimizer;
  const file::Safetensors tensors = file::Safetensors::open(path);
  if (kept.value("crc32c", uint32_t{0}) != checksum(tensors)) {
    throw Error({"the checkpoint is damaged: its checksum differs", path,
                 "resume from an older one: --resume_from_checkpoint FOLDER"});
  }
  for (const auto& tensor : everything(parts)) copy_out(tensors, tensor.name, tensor.bytes);
  parts.optimizer.go_on_from(kept.value("steps", int64_t{0}));
  parts.model.refresh();
}

int64_t step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix)) return -1;
  const std::string digits = name.substr(kPrefix.size());
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::stoll(digits);
}

std::vector<int64_t> steps_in(const std::string& folder) {
  std::vector<int64_t> steps;
  if (!file::is_folder(folder)) return steps;
  for (const std::string& name : file::names_in(folder)) {
    if (step_of(name) >= 0) steps.push_back(step_of(name));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace

void State::compare(double mismatch, int64_t tokens) {
  if (!std::isnan(largest_mismatch) && !(mismatch <= largest_mismatch)) largest_mismatch = mismatch;
  compared += tokens;
}

Json State::to_json() const {
  return {{"step", step},
          {"seconds", seconds},
          {"tokens", tokens},
          {"sampled_tokens", sampled_tokens},
          {"skipped_steps", skipped_steps},
          {"best", best},
          {"best_step", best_step},
          {"evaluations_since", evaluations_since},
          {"ended_early", ended_early},
          {"largest_mismatch", largest_mismatch},
          {"compared", compared},
          {"first_loss", first_loss},
          {"last_loss", last_loss},
          {"first_reward", first_reward},
          {"last_reward", last_reward},
          {"drawn", drawn},
          {"entropy_coef", entropy_coef ? Json(*entropy_coef) : Json()},
          {"last_entropy", last_entropy ? Json(*last_entropy) : Json()},
          {"gain_total", gain_total},
          {"gain_count", gain_count},
          {"kl_coef", carried.kl_coef ? Json(*carried.kl_coef) : Json()},
          {"rewards", {carried.rewards.count, carried.rewards.mean, carried.rewards.squares}},
          {"pairs", pairs},
          {"tied_pairs", tied_pairs},
          {"unscored_pairs", unscored_pairs},
          {"bit_class", bit_class}};
}

State State::from_json(const Json& json, const std::string& where) {
  try {
    State s;
    json.at("step").get_to(s.step);
    json.at("seconds").get_to(s.seconds);
    json.at("tokens").get_to(s.tokens);
    json.at("sampled_tokens").get_to(s.sampled_tokens);
    json.at("skipped_steps").get_to(s.skipped_steps);
    json.at("best").get_to(s.best);
    json.at("best_step").get_to(s.best_step);
    json.at("evaluations_since").get_to(s.evaluations_since);
    json.at("ended_early").get_to(s.ended_early);
    json.at("largest_mismatch").get_to(s.largest_mismatch);
    json.at("compared").get_to(s.compared);
    json.at("first_loss").get_to(s.first_loss);
    json.at("last_loss").get_to(s.last_loss);
    json.at("first_reward").get_to(s.first_reward);
    json.at("last_reward").get_to(s.last_reward);
    json.at("drawn").get_to(s.drawn);
    if (!json.at("entropy_coef").is_null()) s.entropy_coef = json["entropy_coef"].get<double>();
    if (!json.at("last_entropy").is_null()) s.last_entropy = json["last_entropy"].get<double>();
    json.at("gain_total").get_to(s.gain_total);
    json.at("gain_count").get_to(s.gain_count);
    if (!json.at("kl_coef").is_null()) s.carried.kl_coef = json["kl_coef"].get<double>();
    const Json& rewards = json.at("rewards");
    s.carried.rewards = {rewards.at(0), rewards.at(1), rewards.at(2)};
    json.at("pairs").get_to(s.pairs);
    json.at("tied_pairs").get_to(s.tied_pairs);
    json.at("unscored_pairs").get_to(s.unscored_pairs);
    json.at("bit_class").get_to(s.bit_class);
    return s;
  } catch (const Json::exception& error) {
    throw Error(
        {std::string("not a run's state: ") + error.what(), where, "use an older checkpoint"});
  }
}

void write_weights(const std::string& folder, const CheckpointParts& parts) {
  if (parts.model.has_adapter()) {
    model::write_adapter(folder, parts.model, parts.base);
    sample::write_tokenizer(folder, parts.model, parts.tokenizer);
  } else {
    sample::write_model(folder, parts.model, parts.tokenizer);
  }
}

int64_t checkpoint_bytes(const model::Model& model) {
  const int64_t trained = model.store().trained_size();
  const int64_t each = model.options().dtype == kernel::Dtype::BFloat16 ? 2 : 4;
  const int64_t whole = model.has_adapter() ? trained * 4 : trained * each;
  return trained * 3 * 4 + whole + (int64_t{16} << 20);
}

void save_checkpoint(const std::string& output_dir, std::span<const CheckpointParts> models,
                     const State& state, runlog::RunLog& log, int64_t keep) {
  const std::string folder = output_dir + "/checkpoints";
  const std::string name = folder + "/step-" + std::to_string(state.step);
  const std::string partial = name + ".partial";
  file::remove_folder(partial);
  file::make_folder(partial);
  Json optimizers = Json::array();
  for (const CheckpointParts& parts : models) optimizers.push_back(write_part(partial, parts));
  log.sync();
  Json json = {
      {"state", state.to_json()}, {"optimizers", optimizers}, {"log_offsets", log.offsets()}};
  file::write_atomically(partial + kState, json.dump(2) + "\n");
  file::replace_folder(partial, name);
  const std::vector<int64_t> steps = steps_in(folder);
  for (size_t i = 0; i + static_cast<size_t>(keep) < steps.size(); ++i) {
    file::remove_folder(folder + "/step-" + std::to_string(steps[i]));
  }
}

std::optional<std::string> newest_checkpoint(const std::string& output_dir) {
  const std::vector<int64_t> steps = steps_in(output_dir + "/checkpoints");
  if (steps.empty()) return std::nullopt;
  return output_dir + "/checkpoints/step-" + std::to_string(steps.back());
}

State load_checkpoint(const std::string& folder, std::span<const CheckpointParts> models,
                      runlog::RunLog& log) {
  const std::string where = folder + kState;
  const Json json = text::parse_json(file::read_file(where), where);
  const Json optimizers = json.value("optimizers", Json::array());
  const State state = State::from_json(json.value("state", Json()), where);
  if (optimizers.size() != models.size()) {
    throw Error({"the checkpoint holds " + std::to_string(optimizers.size()) +
                     " trained models, the run has " + std::to_string(models.size()),
                 where, "resume with the options that the run began with"});
  }
  for (size_t i = 0; i < models.size(); ++i) read_part(folder, optimizers[i], models[i]);
  log.truncate_to(json.value("log_offsets", Json()));
  return state;
}

}  // namespace temper::train
