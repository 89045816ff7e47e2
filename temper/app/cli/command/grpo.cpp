// temper grpo: reinforcement learning in an environment, each answer set against its group.
#include "temper/app/cli/command.h"
#include "temper/app/cli/finish.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/train/policy.h"

namespace temper::cli::grpo {

Exit run(std::span<const std::string> args, const Context& context) {
  train::GrpoOptions options = train::grpo_defaults();
  const algo::Policy& member = *find_algorithm(algo::policy_catalogue(), "grpo");
  const std::shared_ptr<void> chosen = member.options();
  config::Binding binding = config::bind(options);
  binding.add(member.schema(), chosen.get());
  if (ask(binding, args, "grpo", "--model_name_or_path M --env pii_masking --output_dir runs/b")
          .help) {
    return Exit::Done;
  }
  const train::Setting setting{.terminal = context.terminal,
                               .command = "grpo",
                               .config_yaml = config::to_yaml(binding),
                               .interrupted = context.interrupted};
  return finish(train::grpo(options, member, *member.make(chosen), setting),
                options.common.output_dir, context);
}

extern const Command entry = {
    .group = "train", .summary = "learn from rewards in an environment (GRPO)", .run = run};

}  // namespace temper::cli::grpo
