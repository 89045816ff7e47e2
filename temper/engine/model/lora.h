// Which modules an adapter run trains, chosen as PEFT chooses them: linear layers that get a
// low-rank adapter beside them, and modules that are trained whole.
//
//   y = x·Wᵀ + s·(x·Aᵀ)·Bᵀ + b       LoRA: Hu et al. 2021 (arXiv 2106.09685), eq. 3; s = alpha/r
//   s = alpha/√r                     rsLoRA: Kalajdzievski 2023 (arXiv 2312.03732)
//   y = c ∘ (x·Wᵀ + s·(x·Aᵀ)·Bᵀ) + b, c = m/‖W + s·B·A‖    DoRA: Liu et al. 2024 (arXiv 2402.09353)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/engine/weights/config.h"

namespace temper::model {

class Model;

/// Names are PEFT's: those of layers or what they end in (q_proj, …); a single one that is no name
/// is a regular expression, which must match a layer's whole name; "all-linear" are all.
struct LoraOptions {
  int64_t rank = 16;
  double alpha = 32;
  bool rank_stabilised = false;  ///< rsLoRA
  bool decomposed = false;       ///< DoRA
  std::vector<std::string> targets = {"all-linear"};
  std::vector<std::string> excluded = {};  ///< layers that get none all the same; as targets
  /// Modules trained whole, by what their names end in: embed_tokens, lm_head, norm, q_proj, … A
  /// score head always is.
  std::vector<std::string> saved = {};
  std::vector<int64_t> layers = {};  ///< numbers of the layers whose modules are targets; none: all
  /// Regular expressions for the end of a layer's name, and what the first that fits gives it.
  std::vector<std::pair<std::string, int64_t>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  /// A tied embedding and head stay one when they are trained whole (PEFT's ensure_weight_tying).
  bool keeps_tied = true;
};

/// A linear layer with an adapter.
struct Adapted {
  std::string module;  ///< "model.layers.0.self_attn.q_proj"
  int64_t in, out, rank;
  float scale;
};
struct Choice {
  std::vector<Adapted> adapted;    ///< in the model's order
  std::vector<std::string> whole;  ///< names of modules: "model.embed_tokens"
  const Adapted* find(const std::string& module) const;
  bool is_whole(const std::string& tensor) const;  ///< "model.embed_tokens.weight"
};
/// Throws Error for names and patterns that fit nothing, or what cannot have an adapter.
Choice choose(const weights::ModelConfig& config, const LoraOptions& options);

/// Whether it is a name, not a pattern.
bool is_module_name(const std::string& target);

/// adapter_config.json and adapter_model.safetensors, which PeftModel.from_pretrained loads. `base`
/// is written as base_model_name_or_path.
void write_adapter(const std::string& folder, const Model& model, const std::string& base);

/// What an adapter folder says: its options, the base model's path, and the head that the base
/// gets: the adapter of a reward model holds the whole score head (PEFT's modules_to_save).
struct AdapterConfig {
  LoraOptions options;
  std::string base;
  weights::HeadKind head = weights::HeadKind::Language;
};
bool is_adapter_folder(const std::string& path);
/// Throws Error for what is not understood or not supported: nothing is ignored.
AdapterConfig read_adapter_config(const std::string& folder);
/// Loads the adapter's weights into a model made with training = Lora and the same options.
void read_adapter(const std::string& folder, Model& model);

}  // namespace temper::model
