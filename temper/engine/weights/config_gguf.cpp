// A model's configuration from GGUF metadata (keys as llama.cpp's converter writes them).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>

#include "temper/engine/weights/config.h"
#include "temper/engine/weights/dequantise.h"
#include "temper/engine/weights/settle.h"
#include "temper/foundation/error/error.h"

namespace temper::weights {

namespace {

using file::Gguf;

// Under "<architecture>."; any other key there is refused. Keys elsewhere (general., tokenizer., …)
// do not change what the layers compute.
constexpr std::string_view kRead[] = {"block_count",
                                      "context_length",
                                      "embedding_length",
                                      "feed_forward_length",
                                      "vocab_size",
                                      "attention.head_count",
                                      "attention.head_count_kv",
                                      "attention.key_length",
                                      "attention.value_length",
                                      "attention.layer_norm_rms_epsilon",
                                      "attention.causal",
                                      "attention.sliding_window",
                                      "rope.dimension_count",
                                      "rope.freq_base",
                                      "rope.scaling.type",
                                      "rope.scaling.factor",
                                      "rope.scaling.original_context_length",
                                      "rope.scaling.finetuned",
                                      "expert_count",
                                      "expert_used_count"};

/// The shortest decimal that a float32 stands for: 1e-05, not 9.999999747378752e-06.
double decimal(double number) {
  const auto single = static_cast<float>(number);
  if (!std::isfinite(number) || static_cast<double>(single) != number) return number;
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, single).ptr;
  double value = number;
  std::from_chars(text, end, value);
  return value;
}

class GgufKeys {
 public:
  GgufKeys(const Gguf& gguf, const std::string& architecture)
      : gguf_(gguf), prefix_(architecture + ".") {}

  std::string full(std::string_view key) const { return prefix_ + std::string(key); }
  int64_t whole(std::string_view key) const {
    if (auto value = gguf_.integer(full(key))) return *value;
    throw Error(
        {"the key '" + full(key) + "' is missing", gguf_.where(), "convert the model again"});
  }
  int64_t whole_or(std::string_view key, int64_t otherwise) const {
    return gguf_.integer(full(key)).value_or(otherwise);
  }
  double number_or(std::string_view key, double otherwise) const {
    return decimal(gguf_.number(full(key)).value_or(otherwise));
  }
  void refuse_unknown() const {
    for (std::string_view key : gguf_.keys()) {
      if (key.substr(0, prefix_.size()) != prefix_) continue;
      std::string_view rest = key.substr(prefix_.size());
      if (std::find(std::begin(kRead), std::end(kRead), rest) != std::end(kRead)) continue;
      refuse("the key '" + std::string(key) +
             "' is not known, and it might change what the model computes");
    }
    if (whole_or("expert_count", 0) != 0) refuse("a mixture of experts is not supported");
    if (!gguf_.boolean(full("attention.causal")).value_or(true))
      refuse("attention without a causal mask is not supported");
    if (gguf_.integer("split.count").value_or(1) > 1) {
      throw Error({"the file is one part of several", gguf_.where(),
                   "join them: llama-gguf-split --merge"});
    }
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error({what, gguf_.where(), "use a dense Llama, Qwen2 or Qwen3 model"});
  }

 private:
  const Gguf& gguf_;
  std::string prefix_;
};

/// Llama 3's scaling is stored as what it divides each frequency by. Its numbers are fixed but for
/// the factor, which is the largest divisor; the rest is computed from them and compared.
RopeScaling llama3_scaling(const Gguf& gguf, const Gguf::Tensor& stored,
                           const ModelConfig& config) {
  const std::string where = gguf.where() + ", tensor 'rope_freqs.weight'";
  const int64_t half = config.head_dim / 2;
  if (stored.format != Format::F32 || stored.shape != std::vector<int64_t>{half}) {
    throw Error({"wanted F32 [" + std::to_string(half) + "], got " +
                     std::string(name_of(stored.format)) + " " + file::shape_text(stored.shape),
                 where, "convert the model again"});
  }
  std::vector<float> divisors(static_cast<size_t>(half));
  to_float(Format::F32, stored.data, divisors.data(), half);
  RopeScaling rope;
  rope.kind = RopeScaling::Kind::Llama3;
  rope.original_max_positions = 8192;
  rope.factor = *std::max_element(divisors.begin(), divisors.end());
  for (int64_t i = 0; i < half; ++i) {
    double frequency = std::pow(
        config.rope_theta, -2.0 * static_cast<double>(i) / static_cast<double>(config.head_dim));
    double turns = 8192 * frequency / (2 * std::numbers::pi);  // within the original context
    double smooth = std::clamp((turns - 1) / (4 - 1), 0.0, 1.0);
    double wanted = 1 / ((1 - smooth) / rope.factor + smooth);
    double got = divisors[static_cast<size_t>(i)];
    if (!(std::abs(got - wanted) <= 1e-4 * wanted)) {
      throw Error({"the RoPE divisors are not those of Llama 3's scaling: number " +
                       std::to_string(i) + " should be " + std::to_string(wanted) + ", got " +
                       std::to_string(got),
                   where, "use the model's Hugging Face folder"});
    }
  }
  return rope;
}

RopeScaling read_scaling(const Gguf& gguf, const GgufKeys& keys, const ModelConfig& config) {
  RopeScaling rope;
  std::string_view type = gguf.string(keys.full("rope.scaling.type")).value_or("none");
  if (const Gguf::Tensor* stored = gguf.find("rope_freqs.weight")) {
    if (type != "none" || config.family != Family::Llama)
      keys.refuse("RoPE divisors beside another scaling are not supported");
    return llama3_scaling(gguf, *stored, config);
  }
  if (type == "none") return rope;
  if (type == "linear") {
    rope.kind = RopeScaling::Kind::Linear;
  } else if (type == "yarn") {
    rope.kind = RopeScaling::Kind::Yarn;
  } else {
    keys.refuse("the RoPE scaling '" + std::string(type.substr(0, 40)) + "' is not supported");
  }
  rope.factor = keys.number_or("rope.scaling.factor", -1);
  rope.original_max_positions =
      keys.whole_or("rope.scaling.original_context_length", config.max_positions);
  return rope;
}

void read_ids(const Gguf& gguf, ModelConfig& config) {
  auto id = [&](const char* key) -> std::optional<int32_t> {
    std::optional<int64_t> value = gguf.integer(std::string("tokenizer.ggml.") + key);
    if (!value || *value == 0xffffffff || *value == -1) return std::nullopt;  // both mean "none"
    return static_cast<int32_t>(std::clamp<int64_t>(*value, -2, 1 << 30));
  };
  config.bos_id = id("bos_token_id");
  config.pad_id = id("padding_token_id");
  for (const char* key : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
    std::optional<int32_t> eos = id(key);
    if (eos &&
        std::find(config.eos_ids.begin(), config.eos_ids.end(), *eos) == config.eos_ids.end()) {
      config.eos_ids.push_back(*eos);
    }
  }
}

}  // namespace

ModelConfig from_gguf(const Gguf& gguf) {
  const std::string architecture(gguf.string("general.architecture").value_or(""));
  ModelConfig config;
  for (const FamilyName& name : kFamilies) {
    if (architecture != name.model_type) continue;
    config.family = name.family;
    config.model_type = name.model_type;
    config.architecture = architecture_of(name.family, HeadKind::Language);
  }
  if (config.model_type.empty()) {
    throw Error({"the architecture '" + architecture.substr(0, 80) + "' is not supported",
                 gguf.where(), "supported are llama, qwen2 and qwen3, dense"});
  }
  GgufKeys keys(gguf, architecture);
  keys.refuse_unknown();
  config.width = keys.whole("embedding_length");
  config.layers = keys.whole("block_count");
  config.heads = keys.whole("attention.head_count");
  config.kv_heads = keys.whole_or("attention.head_count_kv", config.heads);
  config.ffn = keys.whole("feed_forward_length");
  config.max_positions = keys.whole("context_length");
  config.norm_eps = keys.number_or("attention.layer_norm_rms_epsilon", 1e-6);
  config.rope_theta = keys.number_or("rope.freq_base", 10000);
  if (config.heads < 1) keys.refuse("attention.head_count should be at least 1");
  config.head_dim = keys.whole_or(
      "attention.key_length", keys.whole_or("rope.dimension_count", config.width / config.heads));
  for (std::string_view key : {"attention.value_length", "rope.dimension_count"}) {
    if (keys.whole_or(key, config.head_dim) != config.head_dim) {
      keys.refuse("'" + keys.full(key) + "' should be the head's size " +
                  std::to_string(config.head_dim) + ", got " + std::to_string(keys.whole(key)));
    }
  }
  if (keys.whole_or("attention.sliding_window", config.max_positions) < config.max_positions) {
    keys.refuse("sliding-window attention is not supported");
  }
  const Gguf::Tensor* embedding = gguf.find("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2)
    keys.refuse("the embedding 'token_embd.weight' is missing or no matrix");
  config.vocabulary = embedding->shape[0];
  config.tied_head = gguf.find("output.weight") == nullptr;
  config.attention_bias = gguf.find("blk.0.attn_q.bias") != nullptr;
  config.attention_output_bias = gguf.find("blk.0.attn_output.bias") != nullptr;
  config.mlp_bias = gguf.find("blk.0.ffn_gate.bias") != nullptr;
  config.qk_norm = config.family == Family::Qwen3;
  const bool together = config.attention_bias == config.attention_output_bias;
  if (config.family == Family::Qwen2 ? !config.attention_bias || config.attention_output_bias
                                     : !together) {
    keys.refuse("the attention's biases are not where " + config.architecture + " has them");
  }
  if (config.mlp_bias && config.family != Family::Llama)
    keys.refuse("biases in the MLP are not " + config.architecture + "'s");
  read_ids(gguf, config);
  settle(config, gguf.where());
  config.rope_scaling = read_scaling(gguf, keys, config);
  settle(config, gguf.where());
  return config;
}

}  // namespace temper::weights
