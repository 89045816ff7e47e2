// What a model's arithmetic is made of, read from a Hugging Face config.json or from GGUF metadata.
// A key that changes the maths and is not supported is refused; a key we do not know is refused
// too, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/file/gguf.h"
#include "temper/foundation/text/json.h"

namespace temper::weights {

enum class Family { Llama, Mistral, Qwen2, Qwen3 };

/// What reads the final hidden states: transformers' …ForCausalLM, …ForSequenceClassification and
/// …ForTokenClassification. The last two have `score`, a linear layer with one output a label; of a
/// sequence the score is read at its last token, of tokens at each, with a bias.
enum class HeadKind { Language, Sequence, Token };

/// How RoPE's frequencies depart from θ_i = base^(-2i/head_dim) (transformers'
/// modeling_rope_utils).
struct RopeScaling {
  enum class Kind { None, Linear, Dynamic, Yarn, Llama3 };
  /// Dynamic changes nothing up to max_positions, and temper goes no further: there it is None.
  Kind kind = Kind::None;
  double factor = 1;
  int64_t original_max_positions = 0;                          ///< yarn, llama3, dynamic
  double low_frequency_factor = 1, high_frequency_factor = 4;  ///< llama3
  double beta_fast = 32, beta_slow = 1;                        ///< yarn
  std::optional<double> attention_factor;        ///< yarn; absent: computed from factor, mscale
  std::optional<double> mscale, mscale_all_dim;  ///< yarn
  bool truncate = true;                          ///< yarn: round the correction range outwards
};

struct ModelConfig {
  Family family = Family::Llama;
  std::string model_type;    ///< "llama", "mistral", "qwen2", "qwen3"
  std::string architecture;  ///< "LlamaForCausalLM", …
  int64_t vocabulary = 0;    ///< V, rows of the embedding
  int64_t width = 0;         ///< D, hidden_size
  int64_t layers = 0;
  int64_t heads = 0;  ///< H, query heads; a multiple of kv_heads
  int64_t kv_heads = 0;
  int64_t head_dim = 0;          ///< even
  int64_t ffn = 0;               ///< intermediate_size
  int64_t max_positions = 0;     ///< the longest sequence the model is made for
  std::vector<int64_t> windows;  ///< of each layer: positions that a token sees, 0 for all before
                                 ///< it; empty: all see all
  double norm_eps = 1e-6;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  bool attention_bias = false;         ///< on q, k and v
  bool attention_output_bias = false;  ///< on o
  bool mlp_bias = false;               ///< on gate, up and down
  bool qk_norm = false;                ///< RMSNorm over head_dim on q and k, before RoPE
  bool tied_head = false;              ///< the language head is the embedding
  HeadKind head = HeadKind::Language;
  int64_t labels = 0;               ///< of a score head; 0 where there is none
  double initializer_range = 0.02;  ///< standard deviation of fresh weights
  std::vector<int32_t>
      eos_ids;  ///< all that end generation, of config and generation_config; may be empty
  std::optional<int32_t> bos_id, pad_id;
  JsonPtr source;  ///< the config.json as read; null when from GGUF
};

/// `where` names the text in errors.
ModelConfig from_config_json(std::string_view text, const std::string& where);

/// config.json of a folder, with the ends of generation_config.json where there is one.
ModelConfig from_folder(const std::string& folder);

/// Architectures llama (Mistral's too), qwen2 and qwen3.
ModelConfig from_gguf(const file::Gguf& gguf);

/// "LlamaForCausalLM", …
std::string architecture_of(Family family, HeadKind head);

/// The same layers under another head: one label of a sequence, two of a token.
ModelConfig with_head(ModelConfig config, HeadKind head);

/// A config.json that transformers loads; `dtype` is "float32" or "bfloat16".
Json to_config_json(const ModelConfig& config, const std::string& dtype);

/// The generation_config.json that goes with it: the ids that begin, end and pad.
Json to_generation_config_json(const ModelConfig& config);

struct NamedShape {
  std::string name;            ///< Hugging Face's
  std::vector<int64_t> shape;  ///< a matrix is [out, in]
};

/// Every tensor the model has, in canonical order: embedding, each layer, final norm, head (a
/// language head if it is not tied).
std::vector<NamedShape> tensors_of(const ModelConfig& config);

/// Numbers in all of them.
int64_t parameters_of(const ModelConfig& config);

}  // namespace temper::weights
