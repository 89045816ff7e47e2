// Described structs. A struct of options names its fields once:
//
//   void describe(config::Fields<Options>& f) {
//     f.add("beta", &Options::beta, "pull towards the reference, 1/nats").above(0);
//   }
//
// and from that come the command line, YAML, help, JSON Schema, the resolved config and the
// manifest. Defaults are those of a default-constructed struct. The environment is never read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "temper/foundation/text/json.h"

namespace temper::config {

struct Yaml;  // yaml.h

enum class Kind { Bool, Int, Int64, Double, String };
enum class Shape { One, Optional, Many };

/// One option. The methods, each returning the field, narrow what it accepts.
class Field {
 public:
  Field& above(double bound);     ///< value > bound
  Field& at_least(double bound);  ///< value >= bound
  Field& below(double bound);     ///< value < bound
  Field& at_most(double bound);   ///< value <= bound
  Field& within(double low, double high) { return at_least(low).at_most(high); }
  Field& choices(std::vector<std::string> names);  ///< of a String; each element of Many
  Field& required();                               ///< must be given
  Field& alias(const std::string& other_name);     ///< another name accepted on input
  Field& hidden();                                 ///< accepted, but not in help
  Field& group(const std::string& title);          ///< heading in help

  struct Range {
    std::optional<double> low, high;
    bool low_open = false, high_open = false;
  };
  std::string name, about, heading;
  Kind kind = Kind::Bool;
  Shape shape = Shape::One;
  Range range;
  std::vector<std::string> names, aliases;  ///< `names`: the choices, empty for any
  bool is_required = false, is_hidden = false;
  /// From the described struct to this member.
  std::function<void*(void*)> place;
};

/// What a struct's description says, without its type.
struct Schema {
  std::vector<Field> fields;
};

template <class Value>
struct KindOf;
template <>
struct KindOf<bool> {
  static constexpr Kind kKind = Kind::Bool;
};
template <>
struct KindOf<int> {
  static constexpr Kind kKind = Kind::Int;
};
template <>
struct KindOf<int64_t> {
  static constexpr Kind kKind = Kind::Int64;
};
template <>
struct KindOf<double> {
  static constexpr Kind kKind = Kind::Double;
};
template <>
struct KindOf<std::string> {
  static constexpr Kind kKind = Kind::String;
};

/// How a member's type is held: T, std::optional<T>, or std::vector of int, double, std::string.
template <class Value>
struct Held {
  static constexpr Kind kKind = KindOf<Value>::kKind;
  static constexpr Shape kShape = Shape::One;
};
template <class Value>
struct Held<std::optional<Value>> {
  static constexpr Kind kKind = KindOf<Value>::kKind;
  static constexpr Shape kShape = Shape::Optional;
};
template <class Value>
struct Held<std::vector<Value>> {
  static_assert(!std::is_same_v<Value, bool> && !std::is_same_v<Value, int64_t>);
  static constexpr Kind kKind = KindOf<Value>::kKind;
  static constexpr Shape kShape = Shape::Many;
};

/// What `describe` fills in.
template <class T>
class Fields {
 public:
  explicit Fields(Schema& schema) : schema_(schema) {}

  /// A member of T, or of a base of T.
  template <class Owner, class Value>
  Field& add(const std::string& name, Value Owner::*member, const std::string& about) {
    Field field;
    field.name = name;
    field.about = about;
    field.heading = heading_;
    field.kind = Held<Value>::kKind;
    field.shape = Held<Value>::kShape;
    field.place = [member](void* object) -> void* { return &(static_cast<T*>(object)->*member); };
    schema_.fields.push_back(std::move(field));
    return schema_.fields.back();
  }

  /// The heading in help of the fields added from here on (those with none of their own).
  void group(const std::string& title) { heading_ = title; }

  /// All fields of a member that is itself described, under the same names.
  template <class Owner, class Inner>
  void include(Inner Owner::*member,
               std::type_identity_t<void (*)(Fields<Inner>&)> inner_describe) {
    Schema inner;
    Fields<Inner> fields(inner);
    inner_describe(fields);
    for (Field& field : inner.fields) {
      field.place = [member, place = std::move(field.place)](void* object) {
        return place(&(static_cast<T*>(object)->*member));
      };
      if (field.heading.empty()) field.heading = heading_;
      schema_.fields.push_back(std::move(field));
    }
  }
  template <class Owner, class Inner>
  void include(Inner Owner::*member) {
    include(member, [](Fields<Inner>& f) { describe(f); });  // found by the argument's namespace
  }

 private:
  Schema& schema_;
  std::string heading_;
};

template <class T>
Schema schema_of(std::type_identity_t<void (*)(Fields<T>&)> describe_it) {
  Schema schema;
  Fields<T> fields(schema);
  describe_it(fields);
  return schema;
}
template <class T>
Schema schema_of() {
  return schema_of<T>([](Fields<T>& f) { describe(f); });
}

/// Fields tied to the objects they read and write, which must outlive it. Several described structs
/// make one command: `Binding b = bind(run); b.add(algorithm.schema, algorithm.options);`. A name
/// may come once.
class Binding {
 public:
  void add(const Schema& schema, void* object);

  struct Entry {
    Field field;
    void* value;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  /// By name or alias, dashes read as underscores; null if there is none.
  const Entry* find(std::string_view name) const;

 private:
  std::vector<Entry> entries_;
};

template <class T>
Binding bind(T& options) {
  Binding binding;
  binding.add(schema_of<T>(), &options);
  return binding;
}

struct Parsed {
  bool help = false;  ///< --help or -h was given; nothing else was looked at
  std::vector<std::string> positional;
  std::vector<std::string> set;  ///< names given in the YAML or on the command line
  bool given(std::string_view name) const;
};

/// Reads `--key value`, `--key=value`, `--flag [true|false]`, `--no_flag`, `--list a b`, `--config
/// file.yaml` (flags win over it); dashes and underscores are the same; `--` ends options. Throws
/// Error that names wanted, got and the place. `command` ("dpo") is for messages.
Parsed parse(const Binding& binding, std::span<const std::string> args, const std::string& command);

/// A flat YAML mapping. `where` names the file in errors. Returns the names set; what it does not
/// name keeps its value.
std::vector<std::string> from_yaml(const Binding& binding, const std::string& yaml,
                                   const std::string& where);
/// The same from a mapping already parsed, for instance one part of a larger file.
std::vector<std::string> from_yaml(const Binding& binding, const Yaml& mapping,
                                   const std::string& where);

/// Every field, grouped, in order; reads back to the same values. Unset optional fields are null.
std::string to_yaml(const Binding& binding);
/// Every field and its value; unset and non-finite ones are null.
Json to_json(const Binding& binding);
/// JSON Schema (draft 2020-12) with the bound values as defaults.
Json json_schema(const Binding& binding, const std::string& title);
/// Groups, names, what they mean, defaults, ranges; at most 100 columns. `usage` is the first line.
std::string help(const Binding& binding, const std::string& usage);

/// A struct with a `describe(Fields<T>&)` beside it.
template <class T>
concept Described = requires(Fields<T>& fields) {
  describe(fields);
};

template <Described T>
Parsed parse(T& options, std::span<const std::string> args, const std::string& command) {
  return parse(bind(options), args, command);
}
template <Described T>
std::vector<std::string> from_yaml(T& options, const std::string& yaml, const std::string& where) {
  return from_yaml(bind(options), yaml, where);
}
template <Described T>
std::vector<std::string> from_yaml(T& options, const Yaml& mapping, const std::string& where) {
  return from_yaml(bind(options), mapping, where);
}
template <Described T>
std::string to_yaml(const T& options) {
  T copy = options;
  return to_yaml(bind(copy));
}
template <Described T>
std::string help(const std::string& usage) {
  T defaults;
  return help(bind(defaults), usage);
}
/// These two are for sources that include <nlohmann/json.hpp>.
template <Described T>
auto to_json(const T& options) {
  T copy = options;
  return to_json(bind(copy));
}
template <Described T>
auto json_schema(const std::string& title) {
  T defaults;
  return json_schema(bind(defaults), title);
}

}  // namespace temper::config
