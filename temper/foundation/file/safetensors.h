// Reader and writer of safetensors (github.com/huggingface/safetensors, "Format"): 8 bytes of
// length, a JSON header, then the tensors' bytes without gaps; also the sharded sets that
// transformers writes. A header is taken for hostile and checked in full before a tensor is handed
// out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/file/format.h"

namespace temper::file {

/// Named tensors of one file or of a sharded set. Copies are cheap and share the mapping; spans
/// live as long as any copy does (those of parse() as long as its bytes).
class Safetensors {
 public:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;  ///< row-major, outermost first
    Format format;
    std::span<const std::byte> data;
  };

  static Safetensors open(const std::string& path);
  /// model.safetensors, or the shards that model.safetensors.index.json names.
  static Safetensors open_folder(const std::string& folder);
  /// `where` names the bytes in errors; the caller keeps them alive.
  static Safetensors parse(std::span<const std::byte> bytes, const std::string& where);

  /// What the file or folder is called in errors.
  const std::string& where() const;
  std::span<const Tensor> tensors() const;
  /// The tensor of that name, or nullptr.
  const Tensor* find(std::string_view name) const;
  /// The strings of the header's `__metadata__`, in order (of the first file of a set).
  std::span<const std::pair<std::string, std::string>> metadata() const;

 private:
  struct State;
  explicit Safetensors(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  // Shared because a checkpoint's parts read one mapping, in no fixed order.
  std::shared_ptr<const State> state_;
};

/// Streams one safetensors file: declare every tensor first, then write their bytes in that order,
/// then close(). The file appears under its name at close(); without it, nothing is left behind.
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    Format format;
    std::vector<int64_t> shape;
  };

  SafetensorsWriter(const std::string& path, std::vector<Entry> entries,
                    std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}});
  SafetensorsWriter(SafetensorsWriter&&) noexcept;
  SafetensorsWriter& operator=(SafetensorsWriter&&) noexcept;
  ~SafetensorsWriter();

  /// The next bytes of tensor `name`, in one call or several; tensors in the order declared.
  void write(std::string_view name, std::span<const std::byte> bytes);
  /// All must have been written. Flushes to the disk and renames into place.
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace temper::file
