#include "temper/app/cli/prefer.h"

#include "temper/app/cli/finish.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/train/preference.h"

namespace temper::cli {

Exit prefer(const std::string& name, std::span<const std::string> args, const Context& context) {
  train::PreferenceOptions options = train::preference_defaults();
  const algo::Preference& member = *find_algorithm(algo::preference_catalogue(), name);
  const std::shared_ptr<void> chosen = member.options();
  config::Binding binding = config::bind(options);
  binding.add(member.schema(), chosen.get());
  if (ask(binding, args, name,
          "--model_name_or_path M --dataset_name pairs.jsonl --output_dir runs/a")
          .help) {
    return Exit::Done;
  }
  const auto loss = member.make(chosen);
  const train::Setting setting{.terminal = context.terminal,
                               .command = name,
                               .config_yaml = config::to_yaml(binding),
                               .interrupted = context.interrupted};
  return finish(train::preference(options, *loss, setting), options.common.output_dir, context);
}

}  // namespace temper::cli
