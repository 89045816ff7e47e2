// Reader of GGUF, versions 2 and 3 (the layout of ggml's docs/gguf.md): metadata by key, then
// tensors over the mapped file. The header is taken for hostile: every count, length, product and
// offset is checked against the bytes there are before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/file/format.h"

namespace temper::file {

/// A GGUF file. Copies are cheap and share the mapping; views and spans live as long as any copy
/// does (those of parse() as long as its bytes).
class Gguf {
 public:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;  ///< row-major, outermost first (the reverse of GGUF's dims)
    Format format;
    std::span<const std::byte> data;
  };

  static Gguf open(const std::string& path);
  /// `where` names the bytes in errors; the caller keeps them alive.
  static Gguf parse(std::span<const std::byte> bytes, const std::string& where);

  /// What the file is called in errors.
  const std::string& where() const;
  bool has(std::string_view key) const;
  std::vector<std::string_view> keys() const;

  // One value, or nothing where the key is not there; a value of another type is an Error.
  std::optional<std::string_view> string(std::string_view key) const;
  std::optional<int64_t> integer(std::string_view key) const;  ///< any whole type that fits
  std::optional<double> number(std::string_view key) const;    ///< any whole or floating type
  std::optional<bool> boolean(std::string_view key) const;

  // A list, empty where the key is not there; elements of another type are an Error.
  std::vector<std::string_view> strings(std::string_view key) const;
  std::vector<int32_t> integers(std::string_view key) const;  ///< any whole type whose values fit
  std::vector<float> floats(std::string_view key) const;

  std::span<const Tensor> tensors() const;
  /// The tensor of that name, or nullptr.
  const Tensor* find(std::string_view name) const;

 private:
  struct State;
  explicit Gguf(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  // Shared because tokenizer, configuration and weights read one mapping, in no fixed order.
  std::shared_ptr<const State> state_;
};

}  // namespace temper::file
