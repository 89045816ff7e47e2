#include "temper/world/reward/verifier.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/config/yaml.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"

namespace temper::reward {
namespace {

config::Yaml as_yaml(const Json& value) {
  config::Yaml tree;
  if (value.is_object()) {
    tree.type = config::Yaml::Type::Mapping;
    for (const auto& [key, inner] : value.items()) tree.entries.emplace_back(key, as_yaml(inner));
  } else if (value.is_array()) {
    tree.type = config::Yaml::Type::Sequence;
    for (const Json& inner : value) tree.items.push_back(as_yaml(inner));
  } else if (!value.is_null()) {
    tree.type = config::Yaml::Type::Scalar;
    tree.quoted = value.is_string();
    tree.scalar = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return tree;
}

}  // namespace

void read_options(const config::Binding& binding, const Json& options, const std::string& where) {
  if (!options.is_null() && !options.is_object()) {
    throw Error({"options: wanted an object, got " + text::to_line(options), where,
                 "write them as {\"name\": value}"});
  }
  std::vector<std::string> set;
  if (!options.is_null()) {
    try {
      set = config::from_yaml(binding, as_yaml(options), where);
    } catch (const Error& error) {  // its line is that of the tree above, which stands in no file
      throw Error({error.parts().what, where, error.parts().try_});
    }
  }
  for (const auto& entry : binding.entries()) {
    if (entry.field.is_required && std::find(set.begin(), set.end(), entry.field.name) == set.end())
      throw Error({"option '" + entry.field.name + "' is missing: " + entry.field.about, where,
                   "give '" + entry.field.name + "'"});
  }
}

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::Scored:
      return "scored";
    case Outcome::Error:
      return "error";
    case Outcome::Timeout:
      return "timeout";
    case Outcome::Unscorable:
      return "unscorable";
  }
  return "error";
}

const Verifier& find_verifier(const std::string& name) {
  std::vector<std::string> names;
  for (const NamedVerifier& row : verifier_catalogue()) {
    if (row.name == name) return *row.member;
    names.emplace_back(row.name);
  }
  std::string all;
  for (const std::string& each : names) all += (all.empty() ? "" : ", ") + each;
  throw Error(
      {"verifier '" + name + "' is not one of: " + all, "", text::did_you_mean(name, names)});
}

Judge make_judge(const std::string& verifier, const Json& options, const std::string& where) {
  auto verify = [&] {
    try {
      return find_verifier(verifier).make(options, where);
    } catch (const Error& error) {
      throw error.parts().where.empty() ? error.at(where) : error;
    }
  }();
  return [verify = std::move(verify)](const Attempt& attempt) -> Score {
    try {
      return verify(attempt);
    } catch (const Error& error) {
      return {0, error.parts().what, Outcome::Unscorable};
    } catch (const std::exception& error) {
      return {0, error.what(), Outcome::Error};
    }
  };
}

}  // namespace temper::reward
