// Reads config.json and generation_config.json as transformers (4.x and 5.x) write them.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "temper/engine/weights/config.h"
#include "temper/engine/weights/json_keys.h"
#include "temper/engine/weights/settle.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::weights {

namespace {

// What the functions below read.
constexpr std::string_view kRead[] = {"model_type",
                                      "architectures",
                                      "vocab_size",
                                      "hidden_size",
                                      "num_hidden_layers",
                                      "num_attention_heads",
                                      "num_key_value_heads",
                                      "head_dim",
                                      "intermediate_size",
                                      "max_position_embeddings",
                                      "rms_norm_eps",
                                      "rope_theta",
                                      "rope_scaling",
                                      "rope_parameters",
                                      "original_max_position_embeddings",
                                      "tie_word_embeddings",
                                      "sliding_window",
                                      "use_sliding_window",
                                      "max_window_layers",
                                      "layer_types",
                                      "bos_token_id",
                                      "eos_token_id",
                                      "pad_token_id",
                                      "id2label",
                                      "num_labels",
                                      "initializer_range"};

// What changes no number: bookkeeping, defaults of text generation, and how transformers runs.
constexpr std::string_view kHarmless[] = {"_attn_implementation",
                                          "_attn_implementation_autoset",
                                          "_attn_implementation_internal",
                                          "_commit_hash",
                                          "_from_model_config",
                                          "_name_or_path",
                                          "_diffusers_version",
                                          "attn_implementation",
                                          "bad_words_ids",
                                          "begin_suppress_tokens",
                                          "chunk_size_feed_forward",
                                          "classifier_dropout",
                                          "decoder_start_token_id",
                                          "diversity_penalty",
                                          "do_sample",
                                          "dtype",
                                          "early_stopping",
                                          "encoder_no_repeat_ngram_size",
                                          "exponential_decay_length_penalty",
                                          "finetuning_task",
                                          "forced_bos_token_id",
                                          "forced_eos_token_id",
                                          "is_llama_config",
                                          "label2id",
                                          "length_penalty",
                                          "max_length",
                                          "min_length",
                                          "name_or_path",
                                          "no_repeat_ngram_size",
                                          "num_beam_groups",
                                          "num_beams",
                                          "num_logits_to_keep",
                                          "num_return_sequences",
                                          "output_attentions",
                                          "output_hidden_states",
                                          "output_scores",
                                          "prefix",
                                          "pretraining_tp",
                                          "problem_type",
                                          "remove_invalid_values",
                                          "repetition_penalty",
                                          "return_dict",
                                          "return_dict_in_generate",
                                          "sep_token_id",
                                          "suppress_tokens",
                                          "task_specific_params",
                                          "temperature",
                                          "tf_legacy_loss",
                                          "tokenizer_class",
                                          "top_k",
                                          "top_p",
                                          "torch_dtype",
                                          "torchscript",
                                          "transformers.js_config",
                                          "transformers_version",
                                          "typical_p",
                                          "unk_token_id",
                                          "unsloth_fixed",
                                          "unsloth_version",
                                          "use_bfloat16",
                                          "use_cache"};

// What would change the maths, but for one value (or null, or absence).
struct Only {
  std::string_view key, value;  // as JSON
};
constexpr Only kOnly[] = {{"hidden_act", "\"silu\""},
                          {"attention_dropout", "0"},
                          {"hidden_dropout", "0"},
                          {"resid_pdrop", "0"},
                          {"embd_pdrop", "0"},
                          {"attn_pdrop", "0"},
                          {"partial_rotary_factor", "1"},
                          {"rope_interleaved", "false"},
                          {"use_mrope", "false"},
                          {"is_encoder_decoder", "false"},
                          {"is_decoder", "false"},
                          {"add_cross_attention", "false"},
                          {"cross_attention_hidden_size", "null"},
                          {"tie_encoder_decoder", "false"},
                          {"pruned_heads", "{}"},
                          {"token_classification_bias", "true"},
                          {"quantization_config", "null"},
                          {"auto_map", "null"}};

template <class List>
bool among(const List& list, std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

void merge(std::vector<int32_t>& into, const std::vector<int32_t>& more) {
  for (int32_t id : more) {
    if (std::find(into.begin(), into.end(), id) == into.end()) into.push_back(id);
  }
}

void read_family(const JsonKeys& keys, ModelConfig& config) {
  const char* kSupported =
      "supported are LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM (also Qwen2.5) and "
      "Qwen3ForCausalLM, dense, "
      "and the same ForSequenceClassification and ForTokenClassification";
  std::optional<std::string> type = keys.word("model_type");
  std::string architecture;
  if (const Json* list = keys.find("architectures")) {
    if (!list->is_array() || list->size() != 1 || !list->front().is_string()) {
      keys.wrong("architectures", "a list of one name", *list);
    }
    architecture = list->front().get<std::string>();
  }
  for (const FamilyName& name : kFamilies) {
    if ((!type && architecture.empty()) || (type && *type != name.model_type)) continue;
    for (const HeadName& head : kHeads) {
      const std::string full = architecture_of(name.family, head.kind);
      if (architecture.empty() ? head.kind != HeadKind::Language : architecture != full) continue;
      config.family = name.family;
      config.model_type = name.model_type;
      config.architecture = full;
      config.head = head.kind;
      return;
    }
  }
  throw Error({"the architecture '" + (architecture.empty() ? type.value_or("") : architecture) +
                   "'" + (type && !architecture.empty() ? " (model_type '" + *type + "')" : "") +
                   " is not supported",
               keys.where(), kSupported});
}

/// transformers leaves out two labels, its default.
int64_t labels_of(const JsonKeys& keys) {
  const Json* names = keys.find("id2label");
  if (names == nullptr) return keys.whole_or("num_labels", 2);
  if (!names->is_object()) keys.wrong("id2label", "an object", *names);
  return std::ssize(*names);
}

void refuse_unknown(const JsonKeys& keys, Family family) {
  for (const auto& [key, value] : keys.object().items()) {
    if (among(kRead, key) || among(kHarmless, key)) continue;
    if (key == "attention_bias" && (family == Family::Llama || family == Family::Qwen3)) continue;
    if (key == "mlp_bias" && family == Family::Llama) continue;
    const Only* only = std::find_if(std::begin(kOnly), std::end(kOnly),
                                    [&](const Only& o) { return o.key == key; });
    if (only != std::end(kOnly)) {
      if (value.is_null() || value == Json::parse(only->value)) continue;
      throw Error({"'" + key + "' is " + text::to_line(value).substr(0, 80) +
                       "; temper computes only " + std::string(only->value),
                   keys.where(), "use a model without it"});
    }
    throw Error({"the key '" + key + "' is not known, and it might change what the model computes",
                 keys.where(), "if it changes nothing, remove it from the file"});
  }
}

RopeScaling read_scaling(const JsonKeys& top, const JsonKeys& keys, int64_t max_positions) {
  using Kind = RopeScaling::Kind;
  struct Known {
    std::string_view name;
    Kind kind;
    std::vector<std::string_view> keys;
  };
  const Known kinds[] = {
      {"default", Kind::None, {}},
      {"linear", Kind::Linear, {"factor"}},
      {"dynamic", Kind::Dynamic, {"factor", "original_max_position_embeddings"}},
      {"llama3",
       Kind::Llama3,
       {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"}},
      {"yarn",
       Kind::Yarn,
       {"factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow",
        "mscale", "mscale_all_dim", "truncate"}}};
  std::string name = keys.word("rope_type").value_or(keys.word("type").value_or("default"));
  const Known* known = std::find_if(std::begin(kinds), std::end(kinds),
                                    [&](const Known& k) { return k.name == name; });
  if (known == std::end(kinds)) {
    throw Error({"the RoPE scaling '" + name + "' is not supported", keys.where(),
                 "supported are default, linear, dynamic, llama3 and yarn"});
  }
  for (const auto& [key, value] : keys.object().items()) {
    if (key == "rope_type" || key == "type" || key == "rope_theta" || value.is_null()) continue;
    if (key == "partial_rotary_factor" && value == 1) continue;
    if (!among(known->keys, key)) {
      throw Error({"the key '" + key + "' is not known for the RoPE scaling '" + name + "'",
                   keys.where(), "check the file against the model's original"});
    }
  }
  RopeScaling rope;
  rope.kind = known->kind;
  if (rope.kind == Kind::None) return rope;
  rope.original_max_positions =
      top.whole_or("original_max_position_embeddings",
                   keys.whole_or("original_max_position_embeddings", max_positions));
  rope.factor = keys.number("factor").value_or(-1);
  if (rope.kind == Kind::Yarn && !keys.find("factor") && rope.original_max_positions > 0) {
    rope.factor =
        static_cast<double>(max_positions) / static_cast<double>(rope.original_max_positions);
  } else {
    keys.need("factor");
  }
  if (rope.kind == Kind::Llama3) {
    keys.need("low_freq_factor");
    keys.need("high_freq_factor");
    rope.low_frequency_factor = *keys.number("low_freq_factor");
    rope.high_frequency_factor = *keys.number("high_freq_factor");
  }
  rope.beta_fast = keys.number("beta_fast").value_or(32);
  rope.beta_slow = keys.number("beta_slow").value_or(1);
  rope.attention_factor = keys.number("attention_factor");
  rope.mscale = keys.number("mscale");
  rope.mscale_all_dim = keys.number("mscale_all_dim");
  rope.truncate = keys.truth_or("truncate", true);
  return rope;
}

void read_rope(const JsonKeys& keys, ModelConfig& config) {
  config.rope_theta = keys.number("rope_theta").value_or(10000);
  for (std::string_view key : {"rope_scaling", "rope_parameters"}) {
    const Json* value = keys.find(key);
    if (!value || (value->is_object() && value->empty())) continue;
    if (!value->is_object()) keys.wrong(key, "an object", *value);
    JsonKeys inner(*value, keys.where() + ", " + std::string(key));
    config.rope_theta = inner.number("rope_theta").value_or(config.rope_theta);
    config.rope_scaling = read_scaling(keys, inner, config.max_positions);
    return;
  }
}

/// Which layers layer_types names as windowed; nothing where the key is absent.
std::optional<std::vector<bool>> listed_windows(const JsonKeys& keys, const ModelConfig& config) {
  const Json* types = keys.find("layer_types");
  if (types == nullptr) return std::nullopt;
  if (!types->is_array() || static_cast<int64_t>(types->size()) != config.layers) {
    keys.wrong("layer_types", "a list with one entry a layer", *types);
  }
  std::vector<bool> windowed;
  for (const Json& type : *types) {
    if (type != "full_attention" && type != "sliding_attention") {
      keys.wrong("layer_types", "a list of full_attention and sliding_attention", type);
    }
    windowed.push_back(type == "sliding_attention");
  }
  return windowed;
}

/// Mistral's layers have a window unless it is null; Qwen's where use_sliding_window is true, those
/// that layer_types names or from max_window_layers on; Llama's never.
void read_windows(const JsonKeys& keys, ModelConfig& config) {
  constexpr int64_t kMistralWindow = 4096, kQwenWindow = 4096, kQwenLayers = 28;
  const std::optional<std::vector<bool>> listed = listed_windows(keys, config);
  const bool any = listed && std::ranges::find(*listed, true) != listed->end();
  const bool mistral = config.family == Family::Mistral;
  const bool used =
      mistral || (config.family != Family::Llama && keys.truth_or("use_sliding_window", false));
  const Json& source = keys.object();
  const bool null = source.contains("sliding_window") && source["sliding_window"].is_null();
  if (!used || null) {
    const bool narrow =
        keys.whole_or("sliding_window", config.max_positions) < config.max_positions;
    if ((any && !mistral) || (config.family == Family::Llama && narrow)) {
      throw Error({"a sliding window is named that transformers would not use in a " +
                       config.model_type + " model",
                   keys.where(),
                   "remove 'sliding_window' and 'layer_types', or set use_sliding_window"});
    }
    return;
  }
  const int64_t window = keys.whole_or("sliding_window", mistral ? kMistralWindow : kQwenWindow);
  if (window < 1) keys.wrong("sliding_window", "at least 1", source["sliding_window"]);
  const int64_t first = mistral ? 0 : keys.whole_or("max_window_layers", kQwenLayers);
  std::vector<int64_t> windows;
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const bool here = listed ? (*listed)[static_cast<size_t>(layer)] : layer >= first;
    windows.push_back(here && window < config.max_positions ? window : 0);
  }
  if (std::ranges::any_of(windows, [](int64_t each) { return each > 0; })) {
    config.windows = std::move(windows);
  }
}

}  // namespace

ModelConfig from_config_json(std::string_view text, const std::string& where) {
  auto source = std::make_shared<const Json>(text::parse_json(text, where));
  if (!source->is_object()) throw Error({"the configuration should be an object", where, ""});
  JsonKeys keys(*source, where);
  ModelConfig config;
  config.source = source;
  read_family(keys, config);
  refuse_unknown(keys, config.family);
  const bool llama = config.family == Family::Llama;
  config.vocabulary = keys.whole("vocab_size");
  config.width = keys.whole("hidden_size");
  config.layers = keys.whole("num_hidden_layers");
  config.heads = keys.whole("num_attention_heads");
  config.kv_heads = llama ? keys.whole_or("num_key_value_heads", config.heads)
                          : keys.whole("num_key_value_heads");
  if (const Json* given = keys.find("head_dim")) {
    config.head_dim = keys.whole("head_dim", *given);
  } else if (config.family == Family::Qwen3) {
    config.head_dim = 128;
  } else if (config.heads < 1 || config.width % config.heads != 0) {
    throw Error({"hidden_size should be a multiple of num_attention_heads, got " +
                     std::to_string(config.width) + " and " + std::to_string(config.heads),
                 where, "check the file against the model's original"});
  } else {
    config.head_dim = config.width / config.heads;
  }
  config.ffn = keys.whole("intermediate_size");
  config.max_positions = keys.whole("max_position_embeddings");
  config.norm_eps = keys.number("rms_norm_eps").value_or(1e-6);
  config.initializer_range = keys.number("initializer_range").value_or(0.02);
  config.attention_output_bias = keys.truth_or("attention_bias", false);
  config.attention_bias = config.attention_output_bias || config.family == Family::Qwen2;
  config.mlp_bias = keys.truth_or("mlp_bias", false);
  config.qk_norm = config.family == Family::Qwen3;
  config.tied_head = keys.truth_or("tie_word_embeddings", false);
  if (config.head != HeadKind::Language) config.labels = labels_of(keys);
  config.eos_ids = keys.ids("eos_token_id");
  config.bos_id = keys.id("bos_token_id");
  config.pad_id = keys.id("pad_token_id");
  read_rope(keys, config);
  read_windows(keys, config);
  settle(config, where);
  return config;
}

ModelConfig from_folder(const std::string& folder) {
  const std::string path = folder + "/config.json", generation = folder + "/generation_config.json";
  if (!file::exists(path)) {
    throw Error({"the folder holds no config.json", folder,
                 "name a model's folder as transformers saves it, or a .gguf file"});
  }
  ModelConfig config = from_config_json(file::read_file(path), path);
  if (!file::exists(generation)) return config;
  const Json json = text::parse_json(file::read_file(generation), generation);
  if (!json.is_object()) throw Error({"the configuration should be an object", generation, ""});
  JsonKeys keys(json, generation);
  merge(config.eos_ids, keys.ids("eos_token_id"));
  if (!config.bos_id) config.bos_id = keys.id("bos_token_id");
  if (!config.pad_id) config.pad_id = keys.id("pad_token_id");
  settle(config, generation);
  return config;
}

}  // namespace temper::weights
