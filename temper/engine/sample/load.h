// A model as a user names it: a Hugging Face folder, a GGUF file, or a folder with a PEFT adapter
// on top of either.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/foundation/config/config.h"
#include "temper/language/token/tokenizer.h"

namespace temper::sample {

/// How a base model's weights are stored, by the options of TRL.
struct QuantiseFlags {
  bool load_in_8bit = false, load_in_4bit = false;
  std::string bnb_4bit_quant_type = "nf4";
  bool use_bnb_nested_quant = false;
};
void describe(config::Fields<QuantiseFlags>& f);
/// Throws Error for options that exclude each other.
kernel::QuantiseOptions quantise_options(const QuantiseFlags& flags);

/// Sets what buffers may hold (tensor::limit_memory) to "8GB"; empty: no limit. Throws Error for
/// what is no size.
void limit_memory(const std::string& memory_limit);

struct Loaded {
  std::unique_ptr<model::Model> model;
  token::Tokenizer tokenizer;
  std::vector<int32_t> end_ids;  ///< generation_config's eos_token_id, all of them
  std::string base;              ///< where the weights came from
};

/// Throws Error when `path` is none of the three. An adapter folder gives its own LoRA options and
/// head; with options.training Lora the adapter is trained on. A fresh score head comes with a
/// padding token that is not the end token, for transformers reads a sequence's score before its
/// padding.
Loaded load(const std::string& path, model::ModelOptions options);
token::Tokenizer load_tokenizer(const std::string& path);

/// The final form of a model that was fully trained or merged: transformers loads the folder as it
/// stands.
void write_model(const std::string& folder, const model::Model& model,
                 const token::Tokenizer& tokenizer);

/// The tokenizer's files as they belong beside the model: with its padding token under a score
/// head.
void write_tokenizer(const std::string& folder, const model::Model& model,
                     const token::Tokenizer& tokenizer);

kernel::Dtype dtype_of(
    const std::string& name);  ///< bfloat16, bf16, float32, fp32; Error otherwise

}  // namespace temper::sample
