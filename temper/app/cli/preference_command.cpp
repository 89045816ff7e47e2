#include "temper/app/cli/preference_command.h"

#include "temper/app/cli/train_command.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/train/preference.h"

namespace temper::cli {
namespace {

Exit run(std::string_view name, std::span<const std::string> args, const Context& context) {
  const algo::Preference& member = *find_algorithm(algo::preference_catalogue(), name);
  train::PreferenceOptions defaults;
  defaults.common.learning_rate = member.learning_rate;
  return train_command(name, "--model_name_or_path M --dataset_name rows.jsonl --output_dir runs/a",
                       defaults, member, args, context,
                       [](const auto& options, const auto& loss, const train::Setting& setting) {
                         return train::preference(options, loss, setting);
                       });
}

}  // namespace

Command preference_command(std::string_view name, std::string_view summary) {
  return {.group = "train",
          .summary = summary,
          .run = [name](std::span<const std::string> args, const Context& context) {
            return run(name, args, context);
          }};
}

}  // namespace temper::cli
