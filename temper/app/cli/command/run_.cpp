// temper run PIPELINE: stages one after the other, each a command; what is finished and unchanged
// is kept, what was stopped goes on.
#include <fmt/format.h>

#include <vector>

#include "temper/app/cli/command.h"
#include "temper/app/pipeline/pipeline.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"

namespace temper::cli::run_ {

struct Options {
  std::string output_dir;
  std::vector<std::string> set;
  bool dry_run = false;
};
void describe(config::Fields<Options>& f) {
  f.add("output_dir", &Options::output_dir, "instead of the pipeline's own");
  f.add("set", &Options::set, "NAME=VALUE for a variable of the pipeline");
  f.add("dry_run", &Options::dry_run, "print the stages and their options, and run nothing");
}

const Command& command_of(const std::string& command, const std::string& where) {
  std::vector<std::string> names;
  for (const auto& [name, member] : command_catalogue()) {
    const bool trains = member->group == "train" && name != "run" && name != "demo";
    if (!trains && name != "eval" && name != "export" && name != "collect") continue;
    if (name == command) return *member;
    names.emplace_back(name);
  }
  throw Error({"'" + command + "' cannot be a stage", where, text::did_you_mean(command, names)});
}

pipeline::Overrides overrides_of(const Options& options) {
  pipeline::Overrides overrides{.output_dir = options.output_dir, .variables = {}};
  for (const std::string& each : options.set) {
    const size_t equals = each.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(Error({"--set wants NAME=VALUE, got '" + each + "'", "", ""}));
    overrides.variables.emplace_back(each.substr(0, equals), each.substr(equals + 1));
  }
  return overrides;
}

pipeline::Outcome run_stage(const Command& command, const pipeline::Call& call,
                            const Context& context) {
  std::vector<std::string> args = {"--config", call.options_file, "--output_dir", call.output_dir};
  const bool resumable = command.group == "train";
  if (call.resume && resumable) {
    args.insert(args.end(), {"--resume_from_checkpoint", "true"});
  } else if (call.resume) {
    file::remove_folder(call.output_dir);
  }
  const Exit exit = command.run(args, context);
  return exit == Exit::Interrupted ? pipeline::Outcome::Interrupted : pipeline::Outcome::Done;
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const Asked asked =
      ask(config::bind(options), args, "run", "PIPELINE.yaml [--set NAME=VALUE …] [--dry_run]", 1);
  if (asked.help) return Exit::Done;
  if (asked.positional.empty()) {
    throw UsageError(Error({"no pipeline is named", "temper run", "temper run recipes/rlhf.yaml"}));
  }
  const pipeline::Pipeline pipeline =
      pipeline::read_pipeline(asked.positional[0], overrides_of(options));
  for (const pipeline::Stage& stage : pipeline.stages)
    command_of(stage.command, pipeline.path + ":" + std::to_string(stage.line));
  if (options.dry_run) {
    for (const pipeline::Stage& stage : pipeline.stages) {
      runlog::print(fmt::format("{}: temper {} --output_dir {}\n{}\n", stage.name, stage.command,
                                pipeline.folder(stage), pipeline::resolve(pipeline, stage).yaml));
    }
    return Exit::Done;
  }
  int number = 0;
  const pipeline::Outcome outcome = pipeline::run(
      pipeline,
      [&](const pipeline::Call& call) {
        return run_stage(command_of(call.command, pipeline.path), call, context);
      },
      [&](const pipeline::Stage& stage, const std::string& fate) {
        runlog::print(fmt::format("{}{}/{} {} ({}): {}\n", number == 0 ? "" : "\n", number + 1,
                                  pipeline.stages.size(), stage.name, stage.command, fate));
        ++number;
      });
  if (outcome == pipeline::Outcome::Interrupted) {
    runlog::print("stopped    the same command goes on from here\n");
    return Exit::Interrupted;
  }
  return Exit::Done;
}

extern const Command entry = {"train", "stages one after the other, from a YAML file", run};

}  // namespace temper::cli::run_
