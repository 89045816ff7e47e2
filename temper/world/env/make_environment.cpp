#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/world/env/task.h"
#include "temper/world/env/yaml_environment.h"

namespace temper::env {

std::unique_ptr<Environment> make_environment(const std::string& name, const Json& options) {
  if (name.ends_with(".yaml") || name.ends_with(".yml")) {
    if (!options.is_null() && !options.empty())
      throw Error(
          {"an environment from a YAML file takes no options, got " + text::to_line(options), name,
           "write them in the file"});
    return read_environment(name);
  }
  std::vector<std::string> names;
  std::string all;
  for (const NamedTask& row : task_catalogue()) {
    if (row.name == name) return row.member->make(options, name);
    names.emplace_back(row.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  std::string try_ = text::did_you_mean(name, names);
  throw Error({"environment '" + name + "' is not one of: " + all, "",
               try_.empty() ? "or give the path of a YAML file" : try_});
}

}  // namespace temper::env
