#include "temper/world/env/rows_environment.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/world/env/single_turn.h"

namespace temper::env {
namespace {

constexpr const char* kFormat = "xml_format";

/// Refuses options of a verifier that is not asked for.
void check_options(const RewardFunctions& functions) {
  if (!functions.options) return;
  const std::string where = "--reward_options";
  if (!functions.options->is_object())
    throw Error({"wanted an object of verifiers, got " + text::to_line(*functions.options), where,
                 "for instance {\"exact\": {\"case_insensitive\": true}}"});
  for (const auto& [name, options] : functions.options->items()) {
    if (std::find(functions.names.begin(), functions.names.end(), name) == functions.names.end())
      throw Error(
          {"options are given for '" + name + "', which is not one of --reward_funcs", where, ""});
  }
}

Json options_of(const RewardFunctions& functions, const std::string& name,
                const std::string& field) {
  if (functions.options && functions.options->contains(name)) return functions.options->at(name);
  if (name == kFormat) return Json::object({{"fields", Json::array({field})}});
  return Json();
}

}  // namespace

std::unique_ptr<Environment> rows_environment(RowsEnvironment parts) {
  SingleTurn turn{.name = parts.name,
                  .system_prompt = parts.system_prompt,
                  .parser = make_parser(parts.parser, parts.field, parts.where),
                  .rubric = std::move(parts.rubric),
                  .size = {},
                  .row = {},
                  .demonstration = [parser = parts.parser, field = parts.field](const Row& row) {
                    return write_answer(parser, field, row.answer);
                  }};
  serve(turn, std::move(parts.rows));
  return single_turn(std::move(turn));
}

std::unique_ptr<Environment> dataset_environment(const RewardFunctions& functions) {
  const std::vector<std::string>& names = functions.names;
  if (names.empty() && !functions.judged_elsewhere)
    throw Error({"no reward function is named", "--reward_funcs",
                 "for instance --reward_funcs exact; `temper verify --list` prints them"});
  if (!functions.weights.empty() && functions.weights.size() != names.size())
    throw Error({"wanted one weight a reward function, " + std::to_string(names.size()) + ", got " +
                     std::to_string(functions.weights.size()),
                 "--reward_weights", ""});
  check_options(functions);
  const bool tagged = std::find(names.begin(), names.end(), kFormat) != names.end();
  const std::string field = "answer";
  std::vector<reward::Part> parts;
  for (size_t i = 0; i < names.size(); ++i) {
    parts.push_back(rubric_part(names[i], functions.weights.empty() ? 1 : functions.weights[i],
                                names[i], options_of(functions, names[i], field),
                                "--reward_funcs " + names[i]));
  }
  return rows_environment(
      {.name = std::filesystem::path(functions.dataset).stem().string(),
       .system_prompt = "",
       .parser = !functions.parser.empty() ? functions.parser
                 : tagged                  ? "xml"
                                           : "text",
       .field = field,
       .where = "--answer_parser",
       .rubric = parts.empty() ? reward::Rubric::nothing() : reward::Rubric(std::move(parts)),
       .rows = read_split(functions.dataset, "", Columns())});
}

}  // namespace temper::env
