// The checks every configuration passes, wherever it was read from.
#pragma once

#include <string>

#include "temper/engine/weights/config.h"

namespace temper::weights {

/// Throws Error that names the key (as config.json spells it), wanted and got.
void settle(const ModelConfig& config, const std::string& where);

/// "llama" and what its architectures begin with, and so on.
struct FamilyName {
  Family family;
  const char* model_type;
  const char* prefix;
};
inline constexpr FamilyName kFamilies[] = {{Family::Llama, "llama", "Llama"},
                                           {Family::Mistral, "mistral", "Mistral"},
                                           {Family::Qwen2, "qwen2", "Qwen2"},
                                           {Family::Qwen3, "qwen3", "Qwen3"}};

/// What architectures end in.
struct HeadName {
  HeadKind kind;
  const char* suffix;
};
inline constexpr HeadName kHeads[] = {{HeadKind::Language, "ForCausalLM"},
                                      {HeadKind::Sequence, "ForSequenceClassification"},
                                      {HeadKind::Token, "ForTokenClassification"}};

}  // namespace temper::weights
