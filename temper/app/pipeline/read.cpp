#include <algorithm>
#include <set>

#include "temper/app/pipeline/pipeline.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"

namespace temper::pipeline {
namespace {

using config::Yaml;

/// A mapping whose keys are looked at one by one; one that nobody asked for is an error.
class Keys {
 public:
  Keys(const Yaml& value, const std::string& path, const std::string& what)
      : value_(value), path_(path), what_(what) {
    if (value.type != Yaml::Type::Mapping) {
      throw Error({what + ": wanted a mapping", at(value), ""});
    }
  }
  const Yaml* find(const std::string& key) {
    asked_.push_back(key);
    return value_.find(key);
  }
  std::string text(const std::string& key, const std::string& otherwise) {
    const Yaml* held = find(key);
    if (held == nullptr) return otherwise;
    if (held->type != Yaml::Type::Scalar) throw Error({key + ": wanted a text", at(*held), ""});
    return held->scalar;
  }
  std::string required(const std::string& key) {
    if (value_.find(key) == nullptr) throw Error({what_ + " has no '" + key + "'", at(value_), ""});
    return text(key, "");
  }
  void finish() const {
    for (const Yaml::Entry& entry : value_.entries) {
      if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
      throw Error({"key '" + entry.key + "' of " + what_ + " is not one of a pipeline's",
                   at(entry.value), text::did_you_mean(entry.key, asked_)});
    }
  }
  std::string at(const Yaml& value) const { return path_ + ":" + std::to_string(value.line); }

 private:
  const Yaml& value_;
  const std::string& path_;
  std::string what_;
  std::vector<std::string> asked_;
};

bool is_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Stage stage_of(const Yaml& value, const std::string& path) {
  Keys keys(value, path, "a stage");
  Stage stage{.name = keys.required("name"),
              .command = keys.required("command"),
              .options = {},
              .line = value.line};
  if (!is_name(stage.name)) {
    throw Error({"'" + stage.name + "' cannot name a stage: wanted small letters, digits, _ and -",
                 keys.at(value), "its folder has this name"});
  }
  stage.options.type = Yaml::Type::Mapping;
  if (const Yaml* options = keys.find("options")) {
    if (options->type != Yaml::Type::Mapping)
      throw Error({"options: wanted a mapping", keys.at(*options), ""});
    stage.options = *options;
  }
  if (stage.options.find("output_dir") != nullptr) {
    throw Error({"a stage's output_dir is the pipeline's", keys.at(value),
                 "leave it out: ${" + stage.name + "} names it"});
  }
  keys.finish();
  return stage;
}

void apply(const Overrides& overrides, Pipeline& pipeline) {
  if (!overrides.output_dir.empty()) pipeline.output_dir = overrides.output_dir;
  for (const auto& [name, value] : overrides.variables) {
    const auto found = std::find_if(pipeline.variables.begin(), pipeline.variables.end(),
                                    [&](const auto& held) { return held.first == name; });
    if (found != pipeline.variables.end()) {
      found->second = value;
      continue;
    }
    std::vector<std::string> names;
    for (const auto& held : pipeline.variables) names.push_back(held.first);
    throw Error({"the pipeline has no variable '" + name + "'", pipeline.path,
                 text::did_you_mean(name, names)});
  }
}

}  // namespace

Pipeline read_pipeline(const std::string& path, const Overrides& overrides) {
  const Yaml file = config::parse_yaml(file::read_file(path), path);
  Keys keys(file, path, "the pipeline");
  Pipeline pipeline{
      .path = path, .output_dir = keys.text("output_dir", ""), .variables = {}, .stages = {}};
  std::set<std::string> names;
  auto once = [&](const std::string& name, const Yaml& value) {
    if (!names.insert(name).second)
      throw Error(
          {"'" + name + "' is named twice", keys.at(value), "each ${NAME} means one thing"});
  };
  if (const Yaml* variables = keys.find("variables")) {
    for (const Yaml::Entry& entry : variables->entries) {
      if (entry.value.type != Yaml::Type::Scalar)
        throw Error({entry.key + ": wanted a text or a number", keys.at(entry.value), ""});
      once(entry.key, entry.value);
      pipeline.variables.emplace_back(entry.key, entry.value.scalar);
    }
  }
  const Yaml* stages = keys.find("stages");
  if (stages == nullptr || stages->items.empty()) {
    throw Error({"the pipeline has no stages", path,
                 "stages: a list, each with a name, a command and its options"});
  }
  for (const Yaml& value : stages->items) {
    pipeline.stages.push_back(stage_of(value, path));
    once(pipeline.stages.back().name, value);
  }
  keys.finish();
  apply(overrides, pipeline);
  if (pipeline.output_dir.empty())
    throw Error({"nothing says where the stages' folders go", path, "give it an output_dir"});
  return pipeline;
}

namespace {

/// A scalar with every ${…} replaced.
class Replacing {
 public:
  Replacing(const Pipeline& pipeline, const Stage& stage, Resolved& out)
      : pipeline_(pipeline), stage_(stage), out_(out) {}

  std::string text(const Yaml& value) {
    std::string result;
    const std::string& from = value.scalar;
    for (size_t at = 0; at < from.size();) {
      const size_t begin = from.find("${", at), end = from.find('}', begin);
      if (begin == std::string::npos || end == std::string::npos) return result + from.substr(at);
      result +=
          from.substr(at, begin - at) + meaning(from.substr(begin + 2, end - begin - 2), value);
      at = end + 1;
    }
    return result;
  }

 private:
  std::string meaning(const std::string& name, const Yaml& value) {
    std::vector<std::string> known;
    for (const auto& [variable, meaning] : pipeline_.variables) {
      if (variable == name) return meaning;
      known.push_back(variable);
    }
    for (const Stage& stage : pipeline_.stages) {
      if (&stage == &stage_) break;
      if (stage.name == name) {
        if (std::find(out_.after.begin(), out_.after.end(), name) == out_.after.end())
          out_.after.push_back(name);
        return pipeline_.folder(stage);
      }
      known.push_back(stage.name);
    }
    throw Error({"'${" + name + "}' is neither a variable nor an earlier stage",
                 pipeline_.path + ":" + std::to_string(value.line),
                 text::did_you_mean(name, known)});
  }

  const Pipeline& pipeline_;
  const Stage& stage_;
  Resolved& out_;
};

}  // namespace

Resolved resolve(const Pipeline& pipeline, const Stage& stage) {
  Resolved out;
  Replacing replacing(pipeline, stage, out);
  auto scalar = [&](const Yaml& value) {
    const std::string text = replacing.text(value);
    const bool own = text.starts_with(pipeline.output_dir + "/");
    if (!own && text.find_first_of("/.") != std::string::npos && file::exists(text))
      out.files.push_back(text);
    const bool plain = !value.quoted && text == value.scalar;
    return plain ? text : config::yaml_scalar(text);
  };
  for (const Yaml::Entry& entry : stage.options.entries) {
    const std::string where = pipeline.path + ":" + std::to_string(entry.value.line);
    if (entry.value.type == Yaml::Type::Mapping)
      throw Error({entry.key + ": wanted a text, a number or a list", where, ""});
    out.yaml += entry.key + ":";
    if (entry.value.type == Yaml::Type::Scalar) out.yaml += " " + scalar(entry.value);
    for (const Yaml& item : entry.value.items) {
      if (item.type != Yaml::Type::Scalar)
        throw Error({entry.key + ": wanted a list of texts or numbers", where, ""});
      out.yaml += "\n  - " + scalar(item);
    }
    out.yaml += "\n";
  }
  return out;
}

}  // namespace temper::pipeline
