#include "temper/engine/weights/config.h"

#include "temper/engine/weights/settle.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/format.h"

namespace temper::weights {

namespace {

std::string count(int64_t number) {
  return std::to_string(number);
}

[[noreturn]] void refuse(const std::string& what, const std::string& where) {
  throw Error({what, where, "check that the configuration and the weights belong together"});
}

struct Range {
  const char* name;
  int64_t value, least, most;
};

}  // namespace

void settle(const ModelConfig& c, const std::string& where) {
  const Range ranges[] = {{"vocab_size", c.vocabulary, 1, int64_t{1} << 24},
                          {"hidden_size", c.width, 1, int64_t{1} << 20},
                          {"num_hidden_layers", c.layers, 1, 10'000},
                          {"num_attention_heads", c.heads, 1, 65'536},
                          {"num_key_value_heads", c.kv_heads, 1, 65'536},
                          {"head_dim", c.head_dim, 8, 256},
                          {"intermediate_size", c.ffn, 1, int64_t{1} << 24},
                          {"max_position_embeddings", c.max_positions, 1, int64_t{1} << 31},
                          {"num_labels", c.labels, c.head == HeadKind::Language ? 0 : 1, 65'536}};
  for (const Range& range : ranges) {
    if (range.value < range.least || range.value > range.most) {
      refuse(std::string(range.name) + " should lie between " + count(range.least) + " and " +
                 count(range.most) + ", got " + count(range.value),
             where);
    }
  }
  if (c.heads % c.kv_heads != 0) {
    refuse("num_attention_heads should be a multiple of num_key_value_heads, got " +
               count(c.heads) + " and " + count(c.kv_heads),
           where);
  }
  if (c.head_dim % 8 != 0)
    refuse("head_dim should be a multiple of 8, got " + count(c.head_dim), where);
  for (auto [name, value] :
       {std::pair("rms_norm_eps", c.norm_eps), std::pair("rope_theta", c.rope_theta)}) {
    // Written so that NaN is refused too.
    if (!(value > 0 && value < 1e15))
      refuse(std::string(name) + " should be above 0, got " + std::to_string(value), where);
  }
  const RopeScaling& rope = c.rope_scaling;
  if (!(rope.factor > 0 && rope.factor < 1e9)) {
    refuse("rope_scaling's factor should be above 0, got " + std::to_string(rope.factor), where);
  }
  if (rope.kind == RopeScaling::Kind::Llama3 &&
      !(rope.low_frequency_factor > 0 && rope.high_frequency_factor > rope.low_frequency_factor)) {
    refuse("rope_scaling wants 0 < low_freq_factor < high_freq_factor, got " +
               std::to_string(rope.low_frequency_factor) + " and " +
               std::to_string(rope.high_frequency_factor),
           where);
  }
  if (rope.kind == RopeScaling::Kind::Yarn &&
      !(rope.beta_slow > 0 && rope.beta_fast >= rope.beta_slow)) {
    refuse("rope_scaling wants 0 < beta_slow <= beta_fast, got " + std::to_string(rope.beta_slow) +
               " and " + std::to_string(rope.beta_fast),
           where);
  }
  if (rope.kind != RopeScaling::Kind::None && rope.original_max_positions < 1) {
    refuse("rope_scaling's original_max_position_embeddings should be at least 1", where);
  }
  auto id = [&](const char* name, int32_t value) {
    if (value < 0 || value >= c.vocabulary) {
      refuse(std::string(name) + " should lie in the vocabulary of " + count(c.vocabulary) +
                 ", got " + count(value),
             where);
    }
  };
  for (int32_t eos : c.eos_ids) id("eos_token_id", eos);
  if (c.bos_id) id("bos_token_id", *c.bos_id);
  if (c.pad_id) id("pad_token_id", *c.pad_id);
}

std::vector<NamedShape> tensors_of(const ModelConfig& c) {
  std::vector<NamedShape> all = {{"model.embed_tokens.weight", {c.vocabulary, c.width}}};
  const int64_t q = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim;
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string at = "model.layers." + count(layer) + ".";
    auto linear = [&](const char* name, int64_t out, int64_t in, bool bias) {
      all.push_back({at + name + ".weight", {out, in}});
      if (bias) all.push_back({at + name + ".bias", {out}});
    };
    all.push_back({at + "input_layernorm.weight", {c.width}});
    linear("self_attn.q_proj", q, c.width, c.attention_bias);
    linear("self_attn.k_proj", kv, c.width, c.attention_bias);
    linear("self_attn.v_proj", kv, c.width, c.attention_bias);
    linear("self_attn.o_proj", c.width, q, c.attention_output_bias);
    if (c.qk_norm) {
      all.push_back({at + "self_attn.q_norm.weight", {c.head_dim}});
      all.push_back({at + "self_attn.k_norm.weight", {c.head_dim}});
    }
    all.push_back({at + "post_attention_layernorm.weight", {c.width}});
    linear("mlp.gate_proj", c.ffn, c.width, c.mlp_bias);
    linear("mlp.up_proj", c.ffn, c.width, c.mlp_bias);
    linear("mlp.down_proj", c.width, c.ffn, c.mlp_bias);
  }
  all.push_back({"model.norm.weight", {c.width}});
  if (c.head != HeadKind::Language) {
    all.push_back({"score.weight", {c.labels, c.width}});
    if (c.head == HeadKind::Token) all.push_back({"score.bias", {c.labels}});
  } else if (!c.tied_head) {
    all.push_back({"lm_head.weight", {c.vocabulary, c.width}});
  }
  return all;
}

std::string architecture_of(Family family, HeadKind head) {
  std::string name;
  for (const FamilyName& each : kFamilies) name += each.family == family ? each.prefix : "";
  for (const HeadName& each : kHeads) name += each.kind == head ? each.suffix : "";
  return name;
}

ModelConfig with_head(ModelConfig config, HeadKind head) {
  config.head = head;
  config.labels = head == HeadKind::Language ? 0 : head == HeadKind::Sequence ? 1 : 2;
  config.architecture = architecture_of(config.family, head);
  return config;
}

int64_t parameters_of(const ModelConfig& config) {
  int64_t total = 0;
  for (const NamedShape& tensor : tensors_of(config)) {
    total += file::bytes_of(file::Format::U8, tensor.shape, tensor.name);
  }
  return total;
}

}  // namespace temper::weights
