#include "temper/engine/model/lora.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/engine/model/model.h"
#include "temper/engine/weights/dequantise.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/foundation/text/json.h"

namespace temper::model {
namespace {

constexpr const char* kPrefix = "base_model.model.";  // what PEFT puts before every name
constexpr std::array<std::string_view, 7> kLinear = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                     "gate_proj", "up_proj", "down_proj"};

std::string last_part(const std::string& module) {
  return module.substr(module.find_last_of('.') + 1);
}

bool all_linear(const LoraOptions& options) {
  return options.targets.size() == 1 && options.targets[0] == "all-linear";
}

/// PEFT's task_type, by the head; a score head is saved whole.
constexpr std::pair<weights::HeadKind, const char*> kTasks[] = {
    {weights::HeadKind::Language, "CAUSAL_LM"},
    {weights::HeadKind::Sequence, "SEQ_CLS"},
    {weights::HeadKind::Token, "TOKEN_CLS"}};

std::string task_of(weights::HeadKind head) {
  for (const auto& [kind, task] : kTasks) {
    if (kind == head) return task;
  }
  return "";
}

/// The head that is saved beside the adapter. `refuse` throws.
template <class Refuse>
weights::HeadKind head_of(const Json& json, Refuse refuse) {
  const Json saved = json.value("modules_to_save", Json());
  if (saved.is_null() || saved.empty()) return weights::HeadKind::Language;
  const std::string task = json.value("task_type", "");
  for (const auto& [kind, name] : kTasks) {
    const bool score = std::all_of(saved.begin(), saved.end(), [](const Json& module) {
      return module == "score" || module == "classifier";
    });
    if (kind != weights::HeadKind::Language && task == name && score) return kind;
  }
  refuse("modules_to_save", "is supported for the score head of SEQ_CLS and TOKEN_CLS alone");
  return weights::HeadKind::Language;
}

std::vector<int64_t> shape_of(const Weight& weight) {
  return weight.is_matrix ? std::vector{weight.rows, weight.columns} : std::vector{weight.columns};
}

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

bool is_target(const LoraOptions& options, const std::string& module) {
  if (all_linear(options)) return true;
  return std::any_of(options.targets.begin(), options.targets.end(),
                     [&](const std::string& target) {
                       return module == target || module.ends_with("." + target);
                     });
}

void check_targets(const LoraOptions& options) {
  if (all_linear(options)) return;
  for (const std::string& target : options.targets) {
    if (std::find(kLinear.begin(), kLinear.end(), last_part(target)) == kLinear.end()) {
      throw Error({"lora_target_modules: no layer is called '" + target + "'", "",
                   "all-linear, or some of q_proj k_proj v_proj o_proj gate_proj up_proj "
                   "down_proj"});
    }
  }
}

float lora_scale(const LoraOptions& options) {
  const double rank = static_cast<double>(options.rank);
  return static_cast<float>(options.alpha / (options.rank_stabilised ? std::sqrt(rank) : rank));
}

void write_adapter(const std::string& folder, const Model& model, const std::string& base) {
  const LoraOptions& options = model.options().lora;
  file::make_folder(folder);
  std::vector<file::SafetensorsWriter::Entry> entries;
  for (const Weight& weight : model.store().all()) {
    if (!weight.trained()) continue;
    entries.push_back({kPrefix + weight.name, file::Format::F32, shape_of(weight)});
  }
  file::SafetensorsWriter writer(folder + "/adapter_model.safetensors", entries);
  for (const Weight& weight : model.store().all()) {
    if (!weight.trained()) continue;
    std::vector<float> values(static_cast<size_t>(weight.size()));
    model.store().read(weight, values);
    writer.write(kPrefix + weight.name, bytes_of(values));
  }
  writer.close();
  Json targets = all_linear(options) ? Json(kLinear) : Json(options.targets);
  const Json saved = model.score_head() ? Json::array({"classifier", "score"}) : Json();
  Json config = {{"peft_type", "LORA"},
                 {"task_type", task_of(model.config().head)},
                 {"base_model_name_or_path", base},
                 {"r", options.rank},
                 {"lora_alpha", options.alpha},
                 {"lora_dropout", 0.0},
                 {"use_rslora", options.rank_stabilised},
                 {"use_dora", false},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"modules_to_save", saved},
                 {"target_modules", targets}};
  file::write_atomically(folder + "/adapter_config.json", config.dump(2) + "\n");
}

bool is_adapter_folder(const std::string& path) {
  return file::exists(path + "/adapter_config.json");
}

AdapterConfig read_adapter_config(const std::string& folder) {
  const std::string where = folder + "/adapter_config.json";
  const Json json = text::parse_json(file::read_file(where), where);
  auto refuse = [&](const std::string& key, const std::string& why) {
    throw Error({"adapter: " + key + " " + why, where, "train or convert it to plain LoRA"});
  };
  try {
    if (json.value("peft_type", "") != "LORA") refuse("peft_type", "is not LORA");
    for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"}) {
      if (json.contains(key) && json[key].is_boolean() && json[key].get<bool>()) {
        refuse(key, "is not supported");
      }
    }
    if (json.value("bias", "none") != "none") refuse("bias", "other than none is not supported");
    for (const char* key : {"rank_pattern", "alpha_pattern", "layers_to_transform",
                            "layer_replication", "target_parameters"}) {
      if (json.contains(key) && !json[key].is_null() && !json[key].empty()) {
        refuse(key, "is not supported");
      }
    }
    AdapterConfig config;
    config.base = json.value("base_model_name_or_path", "");
    config.head = head_of(json, refuse);
    config.options.rank = json.at("r").get<int64_t>();
    config.options.alpha = json.at("lora_alpha").get<double>();
    config.options.rank_stabilised = json.value("use_rslora", false);
    const Json& targets = json.at("target_modules");
    if (targets.is_string()) {
      if (targets != "all-linear") refuse("target_modules", "as a pattern is not supported");
    } else {
      config.options.targets = targets.get<std::vector<std::string>>();
    }
    if (config.options.rank < 1) refuse("r", "is not positive");
    return config;
  } catch (const Json::exception& error) {
    throw Error({std::string("not an adapter's config: ") + error.what(), where, ""});
  }
}

void read_adapter(const std::string& folder, Model& model) {
  ASSERT(model.has_adapter(), "the model was made for an adapter");
  const std::string path = folder + "/adapter_model.safetensors";
  const file::Safetensors tensors = file::Safetensors::open(path);
  size_t used = 0;
  for (Weight& weight : model.store().all()) {
    if (!weight.trained()) continue;
    const file::Safetensors::Tensor* tensor = tensors.find(kPrefix + weight.name);
    const std::vector<int64_t> wanted = shape_of(weight);
    if (tensor == nullptr) throw Error({"missing tensor " + (kPrefix + weight.name), path, ""});
    if (tensor->shape != wanted) {
      throw Error({"tensor " + tensor->name + ": wanted " + file::shape_text(wanted) + ", got " +
                       file::shape_text(tensor->shape),
                   path, "the adapter belongs to another base model"});
    }
    std::vector<float> values(static_cast<size_t>(weight.size()));
    weights::to_float(tensor->format, tensor->data, values.data(), weight.size());
    model.store().assign(weight, values, kernel::Dtype::Float32, true);
    ++used;
  }
  if (used != tensors.tensors().size()) {
    throw Error({"the adapter holds " + std::to_string(tensors.tensors().size()) +
                     " tensors, the model takes " + std::to_string(used),
                 path, "check target_modules in adapter_config.json"});
  }
}

}  // namespace temper::model
