// An adapter's folder, as PEFT writes and reads it.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "temper/engine/model/lora.h"
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

bool is_score(const std::string& module) {
  return module == "score" || module == "classifier";
}

bool is_true(const Json& value) {
  return !value.is_null() && value != false && value != "" &&
         !(value.is_structured() && value.empty());
}

std::vector<int64_t> shape_of(const Weight& weight) {
  return weight.is_matrix ? std::vector{weight.rows, weight.columns} : std::vector{weight.columns};
}

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
  return std::as_bytes(std::span(values));
}

/// A tied head that is trained: PEFT writes it beside the embedding, which it is.
const Weight* tied_head(const Model& model) {
  const bool tied = model.config().tied_head && !model.score_head();
  return tied && model.head().trained() ? &model.head() : nullptr;
}
constexpr const char* kHead = "base_model.model.lm_head.weight";

Json names_json(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  if (names.size() != 1 || is_module_name(names[0])) return names;
  return names[0];  // a pattern
}

template <class Value>
Json pattern_json(const std::vector<std::pair<std::string, Value>>& patterns) {
  Json json = Json::object();
  for (const auto& [pattern, value] : patterns) json[pattern] = value;
  return json;
}

Json config_json(const Model& model, const std::string& base) {
  const LoraOptions& options = model.options().lora;
  Json saved = model.score_head() ? Json::array({"classifier", "score"}) : Json();
  for (const std::string& module : options.saved) saved.push_back(module);
  const bool all_linear = options.targets == std::vector<std::string>{"all-linear"};
  return {{"peft_type", "LORA"},
          {"task_type", task_of(model.config().head)},
          {"base_model_name_or_path", base},
          {"r", options.rank},
          {"lora_alpha", options.alpha},
          {"lora_dropout", 0.0},
          {"use_rslora", options.rank_stabilised},
          {"use_dora", options.decomposed},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"inference_mode", true},
          {"init_lora_weights", true},
          {"rank_pattern", pattern_json(options.rank_pattern)},
          {"alpha_pattern", pattern_json(options.alpha_pattern)},
          {"layers_to_transform", options.layers.empty() ? Json() : Json(options.layers)},
          {"exclude_modules", names_json(options.excluded)},
          {"ensure_weight_tying", tied_head(model) != nullptr},
          {"modules_to_save", saved},
          {"target_modules", all_linear ? Json(kLinear) : names_json(options.targets)}};
}

/// Reads adapter_config.json key by key.
class Reader {
 public:
  Reader(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  AdapterConfig read() const {
    refuse_the_rest();
    if (json_.value("peft_type", "") != "LORA") refuse("peft_type", "is not LORA");
    if (json_.value("bias", "none") != "none") refuse("bias", "other than none is not supported");
    AdapterConfig config;
    LoraOptions& options = config.options;
    config.base = text("base_model_name_or_path");
    options.rank = json_.at("r").get<int64_t>();
    options.alpha = json_.at("lora_alpha").get<double>();
    options.rank_stabilised = json_.value("use_rslora", false);
    options.decomposed = json_.value("use_dora", false);
    options.targets = names("target_modules");
    options.excluded = names("exclude_modules");
    options.layers = layers();
    options.rank_pattern = pattern<int64_t>("rank_pattern");
    options.alpha_pattern = pattern<double>("alpha_pattern");
    options.keeps_tied = json_.value("ensure_weight_tying", false);
    read_saved(config);
    if (options.rank < 1) refuse("r", "is not positive");
    return config;
  }

 private:
  [[noreturn]] void refuse(const std::string& key, const std::string& why) const {
    throw Error({"adapter: " + key + " " + why, where_, "train or convert it to plain LoRA"});
  }
  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || !is_true(*found) ? nullptr : &*found;
  }
  std::string text(const char* key) const {
    const Json* value = find(key);
    return value == nullptr ? "" : value->get<std::string>();
  }
  std::vector<std::string> names(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return {};
    if (value->is_string()) return {value->get<std::string>()};
    return value->get<std::vector<std::string>>();
  }

  std::vector<int64_t> layers() const {
    const auto found = json_.find("layers_to_transform");
    if (found == json_.end() || found->is_null()) return {};
    if (found->is_number()) return {found->get<int64_t>()};
    for (const std::string& pattern : names("layers_pattern")) {
      if (pattern != "layers") refuse("layers_pattern", "'" + pattern + "' is not supported");
    }
    return found->get<std::vector<int64_t>>();
  }
  template <class Value>
  std::vector<std::pair<std::string, Value>> pattern(const char* key) const {
    std::vector<std::pair<std::string, Value>> all;
    if (const Json* patterns = find(key)) {
      for (const auto& [name, value] : patterns->items()) all.emplace_back(name, value);
    }
    return all;
  }

  void read_saved(AdapterConfig& config) const {
    bool score = false;
    for (const std::string& module : names("modules_to_save")) {
      is_score(module) ? void(score = true) : config.options.saved.push_back(module);
    }
    if (!score) return;
    const std::string task = text("task_type");
    for (const auto& [kind, name] : kTasks) {
      if (kind != weights::HeadKind::Language && task == name) config.head = kind;
    }
    if (config.head == weights::HeadKind::Language)
      refuse("modules_to_save", "has a score head, task_type is neither SEQ_CLS nor TOKEN_CLS");
  }

  /// Everything that says how the adapter computes is read above, or harmless, or refused.
  void refuse_the_rest() const {
    constexpr std::array<std::string_view, 17> kRead = {"peft_type",
                                                        "task_type",
                                                        "base_model_name_or_path",
                                                        "r",
                                                        "lora_alpha",
                                                        "use_rslora",
                                                        "use_dora",
                                                        "target_modules",
                                                        "modules_to_save",
                                                        "rank_pattern",
                                                        "alpha_pattern",
                                                        "layers_to_transform",
                                                        "layers_pattern",
                                                        "exclude_modules",
                                                        "ensure_weight_tying",
                                                        "bias",
                                                        "init_lora_weights"};
    // How it was begun or trained, or options of what is refused when it is on.
    constexpr std::array<std::string_view, 11> kHarmless = {
        "auto_mapping", "peft_version",   "revision",         "inference_mode",
        "lora_dropout", "megatron_core",  "loftq_config",     "eva_config",
        "corda_config", "lora_ga_config", "qalora_group_size"};
    for (const auto& [key, value] : json_.items()) {
      const bool known = std::find(kRead.begin(), kRead.end(), key) != kRead.end() ||
                         std::find(kHarmless.begin(), kHarmless.end(), key) != kHarmless.end();
      if (!known && is_true(value)) refuse(key, "is not supported");
    }
    const Json* began = find("init_lora_weights");
    if (began != nullptr && began->is_string() && *began != "gaussian" && *began != "orthogonal" &&
        *began != "eva") {
      throw Error({"adapter: init_lora_weights '" + began->get<std::string>() +
                       "' changed the base model when the adapter was made",
                   where_,
                   "save it with peft's path_initial_model_for_weight_conversion, which makes it "
                   "plain LoRA"});
    }
  }

  const Json& json_;
  std::string where_;
};

}  // namespace

void write_adapter(const std::string& folder, const Model& model, const std::string& base) {
  file::make_folder(folder);
  std::vector<std::pair<std::string, const Weight*>> named;
  for (const Weight& weight : model.store().all()) {
    if (weight.trained()) named.emplace_back(kPrefix + weight.name, &weight);
  }
  if (const Weight* head = tied_head(model)) named.emplace_back(kHead, head);
  std::vector<file::SafetensorsWriter::Entry> entries;
  for (const auto& [name, weight] : named) {
    entries.push_back({name, file::Format::F32, shape_of(*weight)});
  }
  file::SafetensorsWriter writer(folder + "/adapter_model.safetensors", entries);
  for (const auto& [name, weight] : named) {
    std::vector<float> values(static_cast<size_t>(weight->size()));
    model.store().read(*weight, values);
    writer.write(name, bytes_of(values));
  }
  writer.close();
  file::write_atomically(folder + "/adapter_config.json", config_json(model, base).dump(2) + "\n");
}

bool is_adapter_folder(const std::string& path) {
  return file::exists(path + "/adapter_config.json");
}

AdapterConfig read_adapter_config(const std::string& folder) {
  const std::string where = folder + "/adapter_config.json";
  const Json json = text::parse_json(file::read_file(where), where);
  try {
    return Reader(json, where).read();
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
    weights::to_float(tensor->format, tensor->data, model.store().master(weight).data(),
                      weight.size());
    ++used;
  }
  if (const auto* head = tied_head(model) != nullptr ? tensors.find(kHead) : nullptr) {
    const auto* embedding = tensors.find(kPrefix + model.head().name);
    if (!std::equal(head->data.begin(), head->data.end(), embedding->data.begin(),
                    embedding->data.end())) {
      throw Error({"the adapter's head and embedding differ, the model's are one", path,
                   "give a base model whose head is its own"});
    }
    ++used;
  }
  if (used != tensors.tensors().size()) {
    throw Error({"the adapter holds " + std::to_string(tensors.tensors().size()) +
                     " tensors, the model takes " + std::to_string(used),
                 path, "check target_modules in adapter_config.json"});
  }
  model.refresh();
}

}  // namespace temper::model
