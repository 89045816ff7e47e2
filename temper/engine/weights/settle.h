// The checks every configuration passes, wherever it was read from.
#pragma once

#include <string>

#include "temper/engine/weights/config.h"

namespace temper::weights {

/// Throws Error that names the key (as config.json spells it), wanted and got.
void settle(const ModelConfig& config, const std::string& where);

/// "llama", "qwen2", "qwen3" and their "…ForCausalLM".
struct FamilyName {
  Family family;
  const char* model_type;
  const char* architecture;
};
inline constexpr FamilyName kFamilies[] = {{Family::Llama, "llama", "LlamaForCausalLM"},
                                           {Family::Qwen2, "qwen2", "Qwen2ForCausalLM"},
                                           {Family::Qwen3, "qwen3", "Qwen3ForCausalLM"}};

}  // namespace temper::weights
