// What every training command does: its loop's options beside its member's, then the run.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "temper/app/cli/finish.h"
#include "temper/learn/algo/find.h"

namespace temper::cli {

/// `run` is called with the options as they were given, the member's loss, and the setting.
template <class Options, class Member, class Run>
Exit train_command(std::string_view name, std::string_view usage, Options options,
                   const Member& member, std::span<const std::string> args, const Context& context,
                   Run run) {
  const std::shared_ptr<void> chosen = member.options();
  config::Binding binding = config::bind(options);
  binding.add(member.schema(), chosen.get());
  if (ask(binding, args, name, usage).help) return Exit::Done;
  const auto loss = member.make(chosen);
  const train::Setting setting{.terminal = context.terminal,
                               .command = std::string(name),
                               .config_yaml = config::to_yaml(binding),
                               .plan_only = context.plan_only,
                               .interrupted = context.interrupted};
  return finish(run(options, *loss, setting), options.common.output_dir, context);
}

}  // namespace temper::cli
