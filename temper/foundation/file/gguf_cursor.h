// Walking over GGUF's bytes without passing their end, and the numbers of its value types; for
// gguf.cpp only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "temper/foundation/error/error.h"

namespace temper::file {

using Bytes = std::span<const std::byte>;

// GGUF's types of metadata values, by their numbers in the file.
enum class Kind : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };
inline constexpr std::string_view kKinds[] = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                              "int32",  "float32", "bool",   "string", "array",
                                              "uint64", "int64",   "float64"};
inline constexpr int kKindBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

inline std::string_view name_of(Kind kind) {
  return kKinds[static_cast<size_t>(kind)];
}
inline int bytes_of(Kind kind) {
  return kKindBytes[static_cast<size_t>(kind)];
}
inline bool whole(Kind kind) {
  return kind <= Kind::I32 || kind == Kind::U64 || kind == Kind::I64;
}

/// Reads forward and refuses to pass the end.
class Cursor {
 public:
  Cursor(Bytes bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  Bytes take(uint64_t size, const char* what) {
    if (size > bytes_.size() - at_) {
      refuse(std::string("the file ends inside ") + what + ": wanted " + std::to_string(size) +
                 " bytes, there are " + std::to_string(bytes_.size() - at_),
             "the file is cut short or damaged; fetch it again");
    }
    Bytes taken = bytes_.subspan(at_, size);
    at_ += size;
    return taken;
  }
  template <class Number>
  Number number(const char* what) {
    Number value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }
  std::string_view string(const char* what) {
    Bytes bytes = take(number<uint64_t>(what), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// Refuses a count of things that take `each` bytes at least when they cannot all be there.
  uint64_t count(uint64_t count, uint64_t each, const char* what) {
    if (count > left() / each) {
      refuse("the header says " + std::to_string(count) + " " + what + ", but only " +
                 std::to_string(left()) + " bytes follow",
             "the file is cut short or damaged; fetch it again");
    }
    return count;
  }
  [[noreturn]] void refuse(const std::string& what, const std::string& try_) const {
    throw Error({what, where_ + ", byte " + std::to_string(at_), try_});
  }
  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

 private:
  Bytes bytes_;
  const std::string& where_;
  uint64_t at_ = 0;
};

template <class Number>
Number load(const std::byte* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// A whole number of that type; nothing when a uint64 passes int64.
inline std::optional<int64_t> whole_at(Kind kind, const std::byte* from) {
  switch (kind) {
    case Kind::U8:
      return load<uint8_t>(from);
    case Kind::I8:
      return load<int8_t>(from);
    case Kind::U16:
      return load<uint16_t>(from);
    case Kind::I16:
      return load<int16_t>(from);
    case Kind::U32:
      return load<uint32_t>(from);
    case Kind::I32:
      return load<int32_t>(from);
    case Kind::I64:
      return load<int64_t>(from);
    default: {
      uint64_t value = load<uint64_t>(from);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
  }
}

}  // namespace temper::file
