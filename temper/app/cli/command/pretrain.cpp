// temper pretrain: next-token prediction on plain text: a fresh model (temper init), or more text
// for one that is there. temper sft with other defaults.
#include "temper/app/cli/train_command.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/train/supervised.h"

namespace temper::cli::pretrain {

Exit run(std::span<const std::string> args, const Context& context) {
  return train_command(
      "pretrain", "--model_name_or_path M --dataset_name text.txt --output_dir runs/a",
      train::pretrain_defaults(), *find_algorithm(algo::supervised_catalogue(), "sft"), args,
      context, [](const auto& options, const auto& loss, const train::Setting& setting) {
        return train::sft(options, loss, setting);
      });
}

extern const Command entry = {
    .group = "train", .summary = "learn plain text: a fresh model, or more of it", .run = run};

}  // namespace temper::cli::pretrain
