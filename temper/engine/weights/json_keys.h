// A JSON object's keys with their types checked; for the sources of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/text/json.h"

namespace temper::weights {

/// Typed access to an object's keys; null counts as absent. A wrong type is an Error with the key,
/// wanted and got.
class JsonKeys {
 public:
  /// The object outlives this.
  JsonKeys(const Json& object, std::string where);

  const Json* find(std::string_view key) const;
  const Json& need(std::string_view key) const;
  int64_t whole(std::string_view key) const;
  int64_t whole(std::string_view key, const Json& value) const;
  int64_t whole_or(std::string_view key, int64_t otherwise) const;
  std::optional<double> number(std::string_view key) const;
  bool truth_or(std::string_view key, bool otherwise) const;
  std::optional<std::string> word(std::string_view key) const;
  /// One id or a list of them; -1 means none.
  std::vector<int32_t> ids(std::string_view key) const;
  std::optional<int32_t> id(std::string_view key) const;

  [[noreturn]] void wrong(std::string_view key, const char* wanted, const Json& got) const;
  const Json& object() const { return object_; }
  const std::string& where() const { return where_; }

 private:
  const Json& object_;
  std::string where_;
};

}  // namespace temper::weights
