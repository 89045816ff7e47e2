// LoRA adapters as PEFT has them: which layers get one, how they start, and their files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "temper/engine/weights/config.h"

namespace temper::model {

class Model;

struct LoraOptions {
  int64_t rank = 16;
  double alpha = 32;
  bool rank_stabilised =
      false;  ///< scale alpha/√rank (Kalajdzievski 2023, arXiv 2312.03732) instead of alpha/rank
  /// As in PEFT: names of layers or what they end in (q_proj, …), or "all-linear".
  std::vector<std::string> targets = {"all-linear"};
};

/// Throws Error when a target names no layer of the model.
bool is_target(const LoraOptions& options, const std::string& module);
void check_targets(const LoraOptions& options);
float lora_scale(const LoraOptions& options);

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
AdapterConfig read_adapter_config(const std::string& folder);
/// Loads the adapter's weights into a model made with training = Lora and the same options.
void read_adapter(const std::string& folder, Model& model);

}  // namespace temper::model
