#include "temper/app/cli/policy_command.h"

#include "temper/app/cli/finish.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/train/policy.h"

namespace temper::cli {
namespace {

Exit run(std::string_view name, std::span<const std::string> args, const Context& context) {
  const algo::Policy& member = *find_algorithm(algo::policy_catalogue(), name);
  train::GrpoOptions options = train::grpo_defaults();
  options.rollout.num_generations = member.num_generations;
  const std::shared_ptr<void> chosen = member.options();
  config::Binding binding = config::bind(options);
  binding.add(member.schema(), chosen.get());
  if (ask(binding, args, name, "--model_name_or_path M --env pii_masking --output_dir runs/b")
          .help) {
    return Exit::Done;
  }
  const train::Setting setting{.terminal = context.terminal,
                               .command = std::string(name),
                               .config_yaml = config::to_yaml(binding),
                               .interrupted = context.interrupted};
  return finish(train::grpo(options, member, *member.make(chosen), setting),
                options.common.output_dir, context);
}

}  // namespace

Command policy_command(std::string_view name, std::string_view summary) {
  return {.group = "train",
          .summary = summary,
          .run = [name](std::span<const std::string> args, const Context& context) {
            return run(name, args, context);
          }};
}

}  // namespace temper::cli
