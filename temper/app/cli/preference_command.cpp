#include "temper/app/cli/preference_command.h"

#include "temper/app/cli/train_command.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/train/online.h"
#include "temper/learn/train/preference.h"
#include "temper/learn/train/spin.h"

namespace temper::cli {
namespace {

Exit run(std::string_view name, std::span<const std::string> args, const Context& context) {
  const algo::Preference& member = *find_algorithm(algo::preference_catalogue(), name);
  const std::string rows = "--model_name_or_path M --dataset_name rows.jsonl ",
                    folder = "--output_dir runs/a";
  auto command = [&](auto options, const std::string& usage, auto train) {
    options.common.learning_rate = member.learning_rate;
    return train_command(name, usage, options, member, args, context, train);
  };
  if (member.pairing == algo::Pairing::Rows) {
    return command(train::PreferenceOptions(), rows + folder,
                   [](const auto& options, const auto& loss, const train::Setting& setting) {
                     return train::preference(options, loss, setting);
                   });
  }
  if (member.pairing == algo::Pairing::RowAndPast) {
    return command(train::SpinOptions(), rows + folder,
                   [](const auto& options, const auto& loss, const train::Setting& setting) {
                     return train::spin(options, loss, setting);
                   });
  }
  return command(train::OnlineOptions(), rows + "--reward_funcs exact " + folder,
                 [](const auto& options, const auto& loss, const train::Setting& setting) {
                   return train::online(options, loss, setting);
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
