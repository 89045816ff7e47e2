// temper plan COMMAND …: what a training command would cost, without running it: the command is
// taken as it stands, reads its rows and its model, and stops before the first step.
#include <algorithm>
#include <vector>

#include "temper/app/cli/command.h"
#include "temper/foundation/text/nearest.h"

namespace temper::cli::plan_ {

constexpr std::string_view kHelp =
    "usage: temper plan COMMAND [options of the command]\n\n"
    "Says what the command would take: peak memory and its parts, time and what bounds it, disk. "
    "It "
    "reads the rows and the\nmodel, measures the machine for two seconds, and leaves no files. "
    "What "
    "cannot fit is refused, as the command would.\n\n"
    "  temper plan sft --model_name_or_path M --dataset_name rows.jsonl --output_dir runs/a\n";

Exit run(std::span<const std::string> args, const Context& context) {
  if (args.empty() || args[0] == "--help" || args[0] == "-h") {
    runlog::print(std::string(kHelp));
    return args.empty() ? Exit::Usage : Exit::Done;
  }
  std::vector<std::string> names;
  for (const auto& [name, member] : command_catalogue()) {
    if (member->group != "train" || name == "demo" || name == "run") continue;
    if (name == args[0]) {
      Context planning = context;
      planning.plan_only = true;
      return member->run(args.subspan(1), planning);
    }
    names.emplace_back(name);
  }
  throw UsageError(Error({"'" + args[0] + "' is not a training command", "temper plan",
                          text::did_you_mean(args[0], names)}));
}

extern const Command entry = {"look", "what a training command would cost: memory, time, disk",
                              run};

}  // namespace temper::cli::plan_
