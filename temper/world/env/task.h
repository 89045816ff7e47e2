// The family of built-in tasks: one file a task in task/. A task makes an environment from its
// options.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "temper/foundation/config/config.h"
#include "temper/world/env/environment.h"

namespace temper::env {

struct Task {
  std::string_view summary;
  std::function<std::unique_ptr<Environment>(const Json& options, const std::string& where)> make;
  std::function<Json()> schema;
};
struct NamedTask {
  std::string_view name;
  const Task* member;
};
std::span<const NamedTask> task_catalogue();

/// Wraps make(options, where) and describe(fields) as a family member; for sources that include
/// <nlohmann/json.hpp>.
template <class Options>
Task task(std::unique_ptr<Environment> (*make)(const Options&, const std::string& where),
          std::string_view summary) {
  return {.summary = summary,
          .make =
              [make](const Json& json, const std::string& where) {
                Options options;
                reward::read_options(config::bind(options), json, where);
                return make(options, where);
              },
          .schema = [] { return config::json_schema<Options>("options"); }};
}

/// `name` is a task's name or the path of an environment's YAML file; options as a JSON object.
/// A YAML file takes no options. Throws Error with the nearest names.
std::unique_ptr<Environment> make_environment(const std::string& name, const Json& options);

}  // namespace temper::env
