// temper prm: a process reward model from solutions with labelled steps.
#include "temper/app/cli/train_command.h"
#include "temper/learn/train/score.h"

namespace temper::cli::prm {

Exit run(std::span<const std::string> args, const Context& context) {
  return train_command(
      "prm", "--model_name_or_path M --dataset_name steps.jsonl --output_dir runs/prm",
      train::prm_defaults(), *find_algorithm(algo::score_catalogue(), "prm"), args, context,
      [](const auto& options, const auto& loss, const train::Setting& setting) {
        return train::prm(options, loss, setting);
      });
}

extern const Command entry = {
    .group = "train", .summary = "a process reward model from labelled steps", .run = run};

}  // namespace temper::cli::prm
