#include "temper/engine/sample/load.h"

#include <algorithm>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"

namespace temper::sample {
namespace {

bool is_gguf(const std::string& path) {
  return path.ends_with(".gguf");
}

}  // namespace

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
    options.lora = config.options;
    if (options.training == model::Training::None) options.training = model::Training::Lora;
    if (options.training == model::Training::Full) {
      throw Error({"full fine-tuning cannot start from an adapter", path,
                   "merge it first (temper merge), or train with --use_peft"});
    }
  }
  const weights::Checkpoint checkpoint = weights::Checkpoint::open(base);
  auto loaded = std::make_unique<model::Model>(model::Model::load(checkpoint, options));
  if (adapter) model::read_adapter(path, *loaded);
  return {std::move(loaded), load_tokenizer(path), checkpoint.config().eos_ids, base};
}

void write_model(const std::string& folder, const model::Model& model,
                 const token::Tokenizer& tokenizer) {
  std::vector<float> values;
  const bool bf16 = model.options().dtype == kernel::Dtype::BFloat16;
  weights::write_folder(folder, model.config(),
                        [&](const weights::NamedShape& tensor) {
                          int64_t size = 1;
                          for (int64_t length : tensor.shape) size *= length;
                          values.resize(static_cast<size_t>(size));
                          model.read(tensor.name, values);
                          return std::span<const float>(values);
                        },
                        {.format = bf16 ? file::Format::BF16 : file::Format::F32});
  tokenizer.write_folder(folder);
}

kernel::Dtype dtype_of(const std::string& name) {
  if (name == "bfloat16" || name == "bf16" || name == "auto") return kernel::Dtype::BFloat16;
  if (name == "float32" || name == "fp32") return kernel::Dtype::Float32;
  throw Error({"dtype '" + name + "' is not supported", "", "bfloat16 or float32"});
}

}  // namespace temper::sample
