// YAML as a tree that keeps line numbers, for errors that say where. One document of mappings,
// sequences and scalars; anchors, aliases and duplicate keys are refused, size and depth are
// bounded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/text/json.h"

namespace temper::config {

struct Yaml {
  enum class Type { Null, Scalar, Sequence, Mapping };
  Type type = Type::Null;
  int line = 1;         ///< where it begins, from 1; in a mapping, its key
  bool quoted = false;  ///< a Scalar in quotes or a block: text whatever it looks like
  std::string scalar;
  struct Entry;
  std::vector<Yaml> items;     ///< of a Sequence
  std::vector<Entry> entries;  ///< of a Mapping, in order

  /// The value of a Mapping's key, null if there is none.
  const Yaml* find(std::string_view key) const;
};

struct Yaml::Entry {
  Entry(std::string name, Yaml held) : key(std::move(name)), value(std::move(held)) {}
  std::string key;
  Yaml value;
};

/// At most 1 MB and 32 levels deep; an empty document is an empty Mapping. Throws Error with
/// `where`:line.
Yaml parse_yaml(const std::string& text, const std::string& where);

/// Plain scalars become null, booleans (true, false) and numbers as in YAML 1.2, with 1e-5 a
/// number.
Json to_json(const Yaml& value);

/// `text` as a YAML scalar that reads back as this string: plain where that is safe, else in double
/// quotes.
std::string yaml_scalar(const std::string& text);

}  // namespace temper::config
