#include "temper/world/env/yaml_environment.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "temper/foundation/config/config.h"
#include "temper/foundation/config/yaml.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"
#include "temper/world/env/rows_environment.h"
#include "temper/world/env/single_turn.h"

namespace temper::env {
namespace {

using config::Yaml;

/// Reads a mapping's keys and refuses those that nobody read.
class Reader {
 public:
  Reader(const Yaml& mapping, std::string path, std::vector<std::string> keys)
      : mapping_(mapping), path_(std::move(path)) {
    if (mapping.type != Yaml::Type::Mapping)
      throw Error({"wanted a mapping of keys to values", at(mapping), ""});
    std::string all;
    for (const std::string& key : keys) all += (all.empty() ? "" : ", ") + key;
    for (const auto& [key, value] : mapping.entries) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end())
        throw Error(
            {"key '" + key + "' is not one of: " + all, at(value), text::did_you_mean(key, keys)});
    }
  }

  std::string at(const Yaml& value) const { return path_ + ":" + std::to_string(value.line); }
  std::string at(const std::string& key) const {
    const Yaml* value = mapping_.find(key);
    return at(value ? *value : mapping_);
  }
  const Yaml* find(const std::string& key) const { return mapping_.find(key); }

  const Yaml& need(const std::string& key) const {
    const Yaml* value = mapping_.find(key);
    if (!value) throw Error({"key '" + key + "' is missing", at(mapping_), "add it"});
    return *value;
  }
  std::string text(const std::string& key, const std::string& otherwise) const {
    const Yaml* value = mapping_.find(key);
    if (!value) return otherwise;
    if (value->type != Yaml::Type::Scalar)
      throw Error({"key '" + key + "': wanted text", at(*value), ""});
    return value->scalar;
  }
  std::string need_text(const std::string& key) const {
    need(key);
    return text(key, "");
  }
  double number(const std::string& key, double otherwise) const {
    const Yaml* value = mapping_.find(key);
    if (!value) return otherwise;
    Json json = config::to_json(*value);
    if (!json.is_number())
      throw Error(
          {"key '" + key + "': wanted a number, got " + text::to_line(json), at(*value), ""});
    return json.get<double>();
  }

 private:
  const Yaml& mapping_;
  std::string path_;
};

struct ParserChoice {
  std::string name = "text", field;
};

ParserChoice parser_choice(const Reader& file, const std::string& path) {
  const Yaml* value = file.find("parser");
  if (!value) return {};
  if (value->type == Yaml::Type::Scalar) return {value->scalar, "answer"};
  Reader reader(*value, path, {"name", "field"});
  return {reader.need_text("name"), reader.text("field", "answer")};
}

reward::Rubric rubric_of(const Reader& file, const std::string& path) {
  const Yaml& list = file.need("rewards");
  if (list.type != Yaml::Type::Sequence || list.items.empty())
    throw Error({"key 'rewards': wanted a list of verifiers", file.at(list),
                 "for instance - {verifier: exact, weight: 1}"});
  std::vector<reward::Part> parts;
  for (const Yaml& item : list.items) {
    Reader reader(item, path, {"verifier", "name", "weight", "options"});
    std::string verifier = reader.need_text("verifier");
    const Yaml* options = reader.find("options");
    parts.push_back(rubric_part(reader.text("name", verifier), reader.number("weight", 1), verifier,
                                options ? config::to_json(*options) : Json(),
                                reader.at(options ? *options : item)));
  }
  try {
    return reward::Rubric(std::move(parts));
  } catch (const Error& error) {
    throw error.at(file.at(list));
  }
}

RowSet rows_of(const Reader& file, const std::string& path, const Columns& columns) {
  Reader rows(file.need("rows"), path, {"train", "held_out"});
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  auto beside = [&](const std::string& name) {
    return name.empty() ? name : (folder / name).lexically_normal().string();
  };
  return read_split(beside(rows.need_text("train")), beside(rows.text("held_out", "")), columns);
}

}  // namespace

std::unique_ptr<Environment> read_environment(const std::string& yaml_path) {
  Yaml tree = config::parse_yaml(file::read_file(yaml_path), yaml_path);
  Reader file(tree, yaml_path,
              {"name", "system_prompt", "parser", "prompt", "prompt_template", "answer", "rows",
               "rewards"});
  if (file.find("prompt") && file.find("prompt_template"))
    throw Error({"both 'prompt' and 'prompt_template' are given", file.at("prompt_template"),
                 "keep one of them"});
  ParserChoice choice = parser_choice(file, yaml_path);
  Columns columns;
  if (file.find("prompt")) columns.prompt = {file.need_text("prompt")};
  columns.prompt_template = file.text("prompt_template", "");
  columns.answer = file.text("answer", columns.answer);
  return rows_environment(
      {.name = file.text("name", std::filesystem::path(yaml_path).stem().string()),
       .system_prompt = file.text("system_prompt", ""),
       .parser = choice.name,
       .field = choice.field,
       .where = file.at("parser"),
       .rubric = rubric_of(file, yaml_path),
       .rows = rows_of(file, yaml_path, columns)});
}

}  // namespace temper::env
