// Writes config.json and generation_config.json. RoPE is spelled as transformers 4 spells it, which
// 5 reads too.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/engine/weights/config.h"

namespace temper::weights {

namespace {

Json eos_json(const ModelConfig& config) {
  if (config.eos_ids.empty()) return nullptr;
  if (config.eos_ids.size() == 1) return config.eos_ids.front();
  return config.eos_ids;
}

Json id_json(const std::optional<int32_t>& id) {
  return id ? Json(*id) : Json(nullptr);
}

Json scaling_json(const RopeScaling& rope) {
  using Kind = RopeScaling::Kind;
  switch (rope.kind) {
    case Kind::None:
      return nullptr;
    case Kind::Linear:
      return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case Kind::Dynamic:
      return {{"rope_type", "dynamic"}, {"factor", rope.factor}};
    case Kind::Llama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_frequency_factor},
              {"high_freq_factor", rope.high_frequency_factor},
              {"original_max_position_embeddings", rope.original_max_positions}};
    case Kind::Yarn:
      break;
  }
  Json json = {{"rope_type", "yarn"},
               {"factor", rope.factor},
               {"original_max_position_embeddings", rope.original_max_positions},
               {"beta_fast", rope.beta_fast},
               {"beta_slow", rope.beta_slow}};
  if (rope.attention_factor) json["attention_factor"] = *rope.attention_factor;
  if (rope.mscale) json["mscale"] = *rope.mscale;
  if (rope.mscale_all_dim) json["mscale_all_dim"] = *rope.mscale_all_dim;
  if (!rope.truncate) json["truncate"] = false;
  return json;
}

/// transformers counts the labels by their names.
void name_labels(const ModelConfig& config, Json& json) {
  for (int64_t i = 0; i < config.labels; ++i) {
    const std::string number = std::to_string(i), name = "LABEL_" + number;
    json["id2label"][number] = name;
    json["label2id"][name] = i;
  }
}

/// One window for all layers that have one.
void name_windows(const ModelConfig& config, Json& json) {
  if (config.family == Family::Llama) return;
  const auto widest = std::ranges::max_element(config.windows);
  const bool used = widest != config.windows.end();
  json["sliding_window"] = used ? Json(*widest) : Json();
  if (config.family == Family::Mistral) return;
  json["use_sliding_window"] = used;
  if (!used) return;
  for (const int64_t window : config.windows) {
    json["layer_types"].push_back(window > 0 ? "sliding_attention" : "full_attention");
  }
}

}  // namespace

Json to_config_json(const ModelConfig& config, const std::string& dtype) {
  Json json = {{"architectures", Json::array({config.architecture})},
               {"model_type", config.model_type},
               {"vocab_size", config.vocabulary},
               {"hidden_size", config.width},
               {"intermediate_size", config.ffn},
               {"num_hidden_layers", config.layers},
               {"num_attention_heads", config.heads},
               {"num_key_value_heads", config.kv_heads},
               {"head_dim", config.head_dim},
               {"hidden_act", "silu"},
               {"max_position_embeddings", config.max_positions},
               {"initializer_range", config.initializer_range},
               {"rms_norm_eps", config.norm_eps},
               {"rope_theta", config.rope_theta},
               {"rope_scaling", scaling_json(config.rope_scaling)},
               {"tie_word_embeddings", config.tied_head},
               {"attention_dropout", 0.0},
               {"use_cache", true},
               {"bos_token_id", id_json(config.bos_id)},
               {"eos_token_id", eos_json(config)},
               {"pad_token_id", id_json(config.pad_id)},
               {"torch_dtype", dtype}};
  const Family family = config.family;
  if (family == Family::Llama || family == Family::Qwen3) {
    json["attention_bias"] = config.attention_bias;
  }
  if (family == Family::Llama) json["mlp_bias"] = config.mlp_bias;
  name_windows(config, json);
  name_labels(config, json);
  if (config.head == HeadKind::Token) json["classifier_dropout"] = 0.0;
  return json;
}

Json to_generation_config_json(const ModelConfig& config) {
  Json json = Json::object();
  if (config.bos_id) json["bos_token_id"] = *config.bos_id;
  if (!config.eos_ids.empty()) json["eos_token_id"] = eos_json(config);
  if (config.pad_id) json["pad_token_id"] = *config.pad_id;
  return json;
}

}  // namespace temper::weights
