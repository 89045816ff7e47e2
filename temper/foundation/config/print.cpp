// Writing options: help, YAML, JSON, JSON Schema.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/config/config.h"
#include "temper/foundation/config/value.h"
#include "temper/foundation/config/yaml.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/utf8.h"

namespace temper::config {
namespace {

using Entry = Binding::Entry;

constexpr int kColumns = 100;
constexpr int kAboutColumn = 36;

bool texts_in_yaml(const Field& field) {
  return field.kind == Kind::String;
}

std::string yaml_value(const Entry& entry) {
  std::vector<std::string> values = texts(entry);
  if (texts_in_yaml(entry.field)) {
    for (std::string& value : values) value = yaml_scalar(value);
  }
  if (entry.field.shape == Shape::Many) {
    std::string list = "[";
    for (size_t i = 0; i < values.size(); ++i) list += (i ? ", " : "") + values[i];
    return list + "]";
  }
  return values.empty() ? "null" : values[0];
}

std::string placeholder(const Field& field) {
  std::string what = field.kind == Kind::Bool     ? "[true|false]"
                     : field.kind == Kind::String ? "TEXT"
                     : field.kind == Kind::Double ? "NUMBER"
                                                  : "INTEGER";
  return field.shape == Shape::Many ? what + " …" : what;
}

// "(above 0; default 0.1)"
std::string remarks(const Entry& entry) {
  const Field& field = entry.field;
  std::string limits;
  if (!field.names.empty() || field.range.low || field.range.high) {
    limits = wanted(field);
    for (const char* type : {"a number ", "an integer ", "of "}) {
      if (limits.starts_with(type)) limits.erase(0, std::string(type).size());
    }
  }
  std::string standard = "required";
  if (!field.is_required) {
    std::vector<std::string> values = texts(entry);
    if (values.empty() || values[0].empty()) {
      standard = "";
    } else {
      standard = "default " + yaml_value(entry);
    }
  }
  if (limits.empty() && standard.empty()) return "";
  return " (" + limits + (limits.empty() || standard.empty() ? "" : "; ") + standard + ")";
}

std::string help_line(const Entry& entry) {
  const Field& field = entry.field;
  std::string line = "  --" + field.name + " " + placeholder(field);
  std::string indent(kAboutColumn, ' ');
  int used = text::width(line);
  line += used + 2 > kAboutColumn ? "\n" + indent : std::string(size_t(kAboutColumn - used), ' ');
  return line + text::wrap(field.about + remarks(entry), kColumns - kAboutColumn, indent) + "\n";
}

Json element_schema(const Field& field) {
  Json schema = Json::object();
  schema["type"] = field.kind == Kind::Bool     ? "boolean"
                   : field.kind == Kind::String ? "string"
                   : field.kind == Kind::Double ? "number"
                                                : "integer";
  auto bound = [&](const char* key, double value) {
    schema[key] = field.kind == Kind::Double ? Json(value) : Json(static_cast<int64_t>(value));
  };
  const Field::Range& range = field.range;
  if (range.low) bound(range.low_open ? "exclusiveMinimum" : "minimum", *range.low);
  if (range.high) bound(range.high_open ? "exclusiveMaximum" : "maximum", *range.high);
  if (!field.names.empty()) schema["enum"] = field.names;
  return schema;
}

Json field_schema(const Entry& entry) {
  const Field& field = entry.field;
  Json schema = element_schema(field);
  if (field.shape == Shape::Many) schema = {{"type", "array"}, {"items", schema}};
  if (field.shape == Shape::Optional) {
    schema["type"] = Json::array({schema["type"], "null"});
    if (schema.contains("enum")) schema["enum"].push_back(nullptr);
  }
  schema["description"] = field.about;
  if (!field.is_required) schema["default"] = json_value(entry);
  return schema;
}

}  // namespace

std::string to_yaml(const Binding& binding) {
  std::string yaml;
  for (const Entry& entry : binding.entries()) {
    yaml += entry.field.name + ": " + yaml_value(entry) + "\n";
  }
  return yaml;
}

Json to_json(const Binding& binding) {
  Json object = Json::object();
  for (const Entry& entry : binding.entries()) object[entry.field.name] = json_value(entry);
  return object;
}

Json json_schema(const Binding& binding, const std::string& title) {
  Json properties = Json::object(), required = Json::array();
  for (const Entry& entry : binding.entries()) {
    Json schema = field_schema(entry);
    properties[entry.field.name] = schema;
    for (const std::string& alias : entry.field.aliases) {
      schema["deprecated"] = true;
      properties[alias] = schema;
    }
    if (entry.field.is_required) required.push_back(entry.field.name);
  }
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", title},
                 {"type", "object"},
                 {"properties", properties},
                 {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

std::string help(const Binding& binding, const std::string& usage) {
  std::vector<std::string> headings;
  for (const Entry& entry : binding.entries()) {
    const std::string& heading = entry.field.heading;
    if (std::find(headings.begin(), headings.end(), heading) == headings.end()) {
      headings.push_back(heading);
    }
  }
  std::string text = usage + "\n";
  for (const std::string& heading : headings) {
    std::string lines;
    for (const Entry& entry : binding.entries()) {
      if (entry.field.heading == heading && !entry.field.is_hidden) lines += help_line(entry);
    }
    if (!lines.empty()) text += "\n" + (heading.empty() ? "options" : heading) + "\n" + lines;
  }
  std::string indent(kAboutColumn, ' ');
  text += "\nalways\n  --config FILE" + indent.substr(15) +
          "read options from a YAML file; the command line wins\n  --help" + indent.substr(8) +
          "print this\n";
  return text;
}

}  // namespace temper::config
