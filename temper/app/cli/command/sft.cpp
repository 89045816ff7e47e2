// temper sft: supervised fine-tuning, with TRL's flags.
#include "temper/learn/algo/supervised.h"

#include "temper/app/cli/command.h"
#include "temper/app/cli/finish.h"
#include "temper/learn/train/supervised.h"

namespace temper::cli::sft {

Exit run(std::span<const std::string> args, const Context& context) {
  train::SftOptions options;
  const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
  const std::shared_ptr<void> chosen = member.options();
  config::Binding binding = config::bind(options);
  binding.add(member.schema(), chosen.get());
  if (ask(binding, args, "sft",
          "--model_name_or_path M --dataset_name rows.jsonl --output_dir runs/a")
          .help) {
    return Exit::Done;
  }
  const train::Setting setting{.terminal = context.terminal,
                               .command = "sft",
                               .config_yaml = config::to_yaml(binding),
                               .interrupted = context.interrupted};
  return finish(train::sft(options, *member.make(chosen), setting), options.common.output_dir,
                context);
}

extern const Command entry = {
    .group = "train", .summary = "learn from given answers (supervised fine-tuning)", .run = run};

}  // namespace temper::cli::sft
