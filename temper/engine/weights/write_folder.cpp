// Saving a model as transformers saves it.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "temper/engine/weights/checkpoint.h"
#include "temper/engine/weights/dequantise.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/foundation/text/json.h"

namespace temper::weights {

namespace {

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

int64_t size_of(const NamedShape& tensor, Format format) {
  return file::bytes_of(format, tensor.shape, "tensor '" + tensor.name + "'");
}

/// Consecutive tensors to a shard, as many as stay within the limit; one that is larger stands
/// alone.
std::vector<std::vector<NamedShape>> shards_of(std::vector<NamedShape> all,
                                               const WriteOptions& options) {
  std::vector<std::vector<NamedShape>> shards;
  int64_t filled = 0;
  for (NamedShape& tensor : all) {
    int64_t size = size_of(tensor, options.format);
    if (shards.empty() || filled + size > options.shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += size;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

void write_shard(const std::string& path, const std::vector<NamedShape>& tensors,
                 const TensorSource& source, Format format) {
  constexpr size_t kAtOnce = 1 << 16;
  std::vector<file::SafetensorsWriter::Entry> entries;
  for (const NamedShape& tensor : tensors) entries.push_back({tensor.name, format, tensor.shape});
  file::SafetensorsWriter writer(path, std::move(entries));
  const auto each = static_cast<size_t>(file::block_bytes(format));
  std::vector<std::byte> bytes(kAtOnce * each);
  for (const NamedShape& tensor : tensors) {
    std::span<const float> values = source(tensor);
    ASSERT(static_cast<int64_t>(values.size() * each) == size_of(tensor, format),
           "a tensor of the shape asked for");
    if (format == Format::F32) {
      writer.write(tensor.name, std::as_bytes(values));
      continue;
    }
    for (size_t at = 0; at < values.size(); at += kAtOnce) {
      std::span<const float> part = values.subspan(at, std::min(kAtOnce, values.size() - at));
      std::span<std::byte> room(bytes.data(), part.size() * each);
      from_float(format, part, room);
      writer.write(tensor.name, room);
    }
  }
  writer.close();
}

std::string shard_name(size_t number, size_t count) {
  if (count == 1) return kWhole;
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", number + 1, count);
  return name;
}

bool is_weights(const std::string& name) {
  return name == kIndex || name == kWhole ||
         (name.rfind("model-", 0) == 0 && name.size() > 12 &&
          name.substr(name.size() - 12) == ".safetensors");
}

}  // namespace

void write_folder(const std::string& folder, const ModelConfig& config, const TensorSource& source,
                  const WriteOptions& options) {
  file::make_folder(folder);
  std::vector<NamedShape> all = tensors_of(config);
  int64_t total = 0;
  for (const NamedShape& tensor : all) total += size_of(tensor, options.format);
  const int64_t free = file::free_bytes(folder);
  if (total > free) {
    throw Error({"the disk is too full: the model takes " + std::to_string(total) +
                     " bytes, there are " + std::to_string(free),
                 folder, "free disk space, or choose another disk"});
  }
  const char* dtype = options.format == Format::F32   ? "float32"
                      : options.format == Format::F16 ? "float16"
                                                      : "bfloat16";
  const auto shards = shards_of(std::move(all), options);
  Json map = Json::object();
  std::vector<std::string> written;
  for (size_t i = 0; i < shards.size(); ++i) {
    written.push_back(shard_name(i, shards.size()));
    write_shard(folder + "/" + written.back(), shards[i], source, options.format);
    for (const NamedShape& tensor : shards[i]) map[tensor.name] = written.back();
  }
  if (shards.size() > 1) {
    written.push_back(kIndex);
    Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
    file::write_atomically(folder + "/" + kIndex, index.dump(2) + "\n");
  }
  file::write_atomically(folder + "/config.json", to_config_json(config, dtype).dump(2) + "\n");
  file::write_atomically(folder + "/generation_config.json",
                         to_generation_config_json(config).dump(2) + "\n");
  // Weights that an earlier model left here would be read in place of these, or beside them.
  for (const std::string& name : file::names_in(folder)) {
    bool ours = std::find(written.begin(), written.end(), name) != written.end();
    if (is_weights(name) && !ours) file::remove_folder(folder + "/" + name);
  }
}

}  // namespace temper::weights
