// A model's tensors on disk, under Hugging Face's names and logical shapes whatever the file: a
// folder with config.json and safetensors (sharded or not), or one GGUF file. And the way back: a
// folder that transformers loads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/engine/weights/config.h"
#include "temper/foundation/file/format.h"

namespace temper::weights {

/// Copies are cheap and share the mapping.
class Checkpoint {
 public:
  /// `path` is a model's folder, or a .gguf file. Reads the configuration, not the tensors.
  static Checkpoint open(const std::string& path);

  const std::string& path() const;
  const ModelConfig& config() const;
  bool has(std::string_view name) const;
  /// Of a tensor that is there. A matrix is [out, in].
  std::vector<int64_t> shape(std::string_view name) const;
  /// Numbers of a tensor that is there, as float, row-major; Llama's q and k as Hugging Face orders
  /// them.
  std::vector<float> read(std::string_view name) const;
  /// The same into `out`, which has exactly that many.
  void read(std::string_view name, std::span<float> out) const;
  /// Names of all tensors the file holds, sorted.
  std::vector<std::string> names() const;
  /// Throws Error that names the tensors which are missing, of the wrong shape or type, or
  /// unexpected.
  void check() const;

 private:
  struct State;
  explicit Checkpoint(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  // Shared because loading runs over it from several places while the mapping must stay.
  std::shared_ptr<const State> state_;
};

/// Gives the numbers of a tensor of tensors_of(), valid until the next call.
using TensorSource = std::function<std::span<const float>(const NamedShape& tensor)>;

struct WriteOptions {
  file::Format format = file::Format::BF16;  ///< F32, BF16 or F16
  int64_t shard_bytes = 5'000'000'000;       ///< a new file before this is passed
};

/// Writes config.json, generation_config.json and model.safetensors (or shards and their index)
/// into `folder`, which is made if need be: AutoModelForCausalLM loads it as it stands. Tokenizer
/// files are another's.
void write_folder(const std::string& folder, const ModelConfig& config, const TensorSource& source,
                  const WriteOptions& options = {});

}  // namespace temper::weights
