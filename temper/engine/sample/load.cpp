#include "temper/engine/sample/load.h"

#include <algorithm>
#include <optional>

#include "temper/engine/tensor/buffer.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"
#include "temper/foundation/text/number.h"

namespace temper::sample {
namespace {

bool is_gguf(const std::string& path) {
  return path.ends_with(".gguf");
}

/// The tokenizer's padding token, or else a token that no text ends in.
std::optional<int32_t> padding(const token::Tokenizer& tokenizer) {
  const token::Tokenizer::Specials& specials = tokenizer.specials();
  for (const std::optional<token::Id>& id : {specials.pad, specials.unk, specials.bos}) {
    if (id && id != specials.eos) return id;
  }
  for (token::Id id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.is_special(id) && id != specials.eos) return id;
  }
  return std::nullopt;
}

}  // namespace

void describe(config::Fields<QuantiseFlags>& f) {
  using F = QuantiseFlags;
  f.add("load_in_8bit", &F::load_in_8bit,
        "store frozen linear weights in 8 bits, as bitsandbytes does");
  f.add("load_in_4bit", &F::load_in_4bit, "store them in 4 bits");
  f.add("bnb_4bit_quant_type", &F::bnb_4bit_quant_type, "the 4-bit numbers").choices({"nf4"});
  f.add("use_bnb_nested_quant", &F::use_bnb_nested_quant,
        "with load_in_4bit: the scales in 8 bits too");
}

kernel::QuantiseOptions quantise_options(const QuantiseFlags& flags) {
  using Kind = kernel::QuantiseOptions::Kind;
  if (flags.load_in_8bit && flags.load_in_4bit) {
    throw Error({"load_in_8bit and load_in_4bit exclude each other", "", "choose one"});
  }
  if (flags.use_bnb_nested_quant && !flags.load_in_4bit) {
    throw Error({"use_bnb_nested_quant is an option of load_in_4bit", "", "add it, or leave both"});
  }
  return {.kind = flags.load_in_8bit   ? Kind::Int8
                  : flags.load_in_4bit ? Kind::Nf4
                                       : Kind::None,
          .nested = flags.use_bnb_nested_quant};
}

token::Tokenizer load_tokenizer(const std::string& path) {
  if (is_gguf(path)) return token::Tokenizer::from_gguf(file::Gguf::open(path));
  if (model::is_adapter_folder(path) && !file::exists(path + "/tokenizer.json")) {
    return load_tokenizer(model::read_adapter_config(path).base);
  }
  return token::Tokenizer::from_folder(path);
}

Loaded load(const std::string& path, model::ModelOptions options) {
  const bool adapter = model::is_adapter_folder(path);
  std::string base = path;
  if (adapter) {
    const model::AdapterConfig config = model::read_adapter_config(path);
    if (config.base.empty()) {
      throw Error({"the adapter does not name its base model", path + "/adapter_config.json",
                   "set base_model_name_or_path to the base model's folder or GGUF file"});
    }
    base = config.base;
    if (options.head && *options.head != config.head) {
      throw Error({"the adapter is not of the kind that is wanted: it belongs under " +
                       (config.head == weights::HeadKind::Language ? std::string("a language head")
                                                                   : std::string("a score head")),
                   path + "/adapter_config.json",
                   config.head == weights::HeadKind::Language
                       ? "merge it into its base first: temper export"
                       : "temper score asks a reward model's adapter, temper reward and temper prm "
                         "train it on"});
    }
    options.head = config.head;
    options.lora = config.options;
    if (options.training == model::Training::None) options.training = model::Training::Lora;
    if (options.training == model::Training::Full) {
      throw Error({"full fine-tuning cannot start from an adapter", path,
                   "merge it into its base first (temper export), or train with --use_peft"});
    }
  }
  const weights::Checkpoint checkpoint = weights::Checkpoint::open(base);
  token::Tokenizer tokenizer = load_tokenizer(path);
  options.pad_id = padding(tokenizer);
  auto loaded = std::make_unique<model::Model>(model::Model::load(checkpoint, options));
  if (adapter) model::read_adapter(path, *loaded);
  return {std::move(loaded), std::move(tokenizer), checkpoint.config().eos_ids, base};
}

void write_model(const std::string& folder, const model::Model& model,
                 const token::Tokenizer& tokenizer) {
  tensor::Floats values;  // from blocks that training used
  const bool bf16 = model.options().dtype == kernel::Dtype::BFloat16;
  weights::write_folder(folder, model.config(),
                        [&](const weights::NamedShape& tensor) {
                          int64_t size = 1;
                          for (int64_t length : tensor.shape) size *= length;
                          values.resize(size);
                          model.read(tensor.name, values.span());
                          return std::span<const float>(values.span());
                        },
                        {.format = bf16 ? file::Format::BF16 : file::Format::F32});
  write_tokenizer(folder, model, tokenizer);
}

void write_tokenizer(const std::string& folder, const model::Model& model,
                     const token::Tokenizer& tokenizer) {
  tokenizer.write_folder(folder, model.score_head() ? model.config().pad_id : std::nullopt);
}

void limit_memory(const std::string& memory_limit) {
  if (memory_limit.empty()) return tensor::limit_memory(0);
  const std::optional<int64_t> bytes = text::parse_bytes(memory_limit);
  if (!bytes) {
    throw Error({"'" + memory_limit + "' is no size", "memory_limit",
                 "a number with a unit, such as 8GB, 6.5GiB or 900MB"});
  }
  tensor::limit_memory(*bytes);
}

kernel::Dtype dtype_of(const std::string& name) {
  if (name == "bfloat16" || name == "bf16" || name == "auto") return kernel::Dtype::BFloat16;
  if (name == "float32" || name == "fp32") return kernel::Dtype::Float32;
  throw Error({"dtype '" + name + "' is not supported", "", "bfloat16 or float32"});
}

}  // namespace temper::sample
