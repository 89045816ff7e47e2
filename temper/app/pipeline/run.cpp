#include <filesystem>

#include "temper/app/pipeline/pipeline.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::pipeline {
namespace {

/// The folder under the first free name behind its own: sft.1, sft.2, …
void set_aside(const std::string& folder) {
  int number = 1;
  while (file::exists(folder + "." + std::to_string(number))) ++number;
  std::filesystem::rename(folder, folder + "." + std::to_string(number));
}

Outcome run_stage(const Pipeline& pipeline, const Stage& stage, const Call& call,
                  const Runner& runner) {
  try {
    return runner(call);
  } catch (const Error& error) {
    throw error.at("stage '" + stage.name + "', " + pipeline.path + ":" +
                   std::to_string(stage.line));
  }
}

}  // namespace

Outcome run(const Pipeline& pipeline, const Runner& runner, const Listener& listener) {
  for (const Stage& stage : pipeline.stages) resolve(pipeline, stage);  // errors before any work
  file::make_folder(pipeline.output_dir);
  Ledger ledger(pipeline.output_dir);
  for (const Stage& stage : pipeline.stages) {
    const std::string folder = pipeline.folder(stage);
    const std::string fingerprint = ledger.fingerprint(pipeline, stage);
    Ledger::Standing standing = ledger.standing(stage, fingerprint);
    if (!file::exists(folder)) standing = Ledger::Standing::New;
    if (standing == Ledger::Standing::Finished) {
      listener(stage, "kept: nothing it was made from has changed");
      continue;
    }
    const bool resume =
        standing == Ledger::Standing::Stopped && file::exists(folder + "/config.yaml");
    if (resume) {
      listener(stage, "goes on");
    } else if (file::exists(folder)) {
      set_aside(folder);
      listener(stage, "runs again: what it is made from has changed; the old folder is kept");
    } else {
      listener(stage, "runs");
    }
    const std::string options = pipeline.output_dir + "/" + stage.name + ".yaml";
    file::write_atomically(options, resolve(pipeline, stage).yaml);
    ledger.begin(stage, fingerprint);
    const double begun = clock::seconds();
    const Call call{
        .command = stage.command, .options_file = options, .output_dir = folder, .resume = resume};
    if (run_stage(pipeline, stage, call, runner) == Outcome::Interrupted)
      return Outcome::Interrupted;
    ledger.finish(stage, clock::seconds() - begun);
  }
  return Outcome::Done;
}

}  // namespace temper::pipeline
