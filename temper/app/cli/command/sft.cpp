// temper sft: supervised fine-tuning, with TRL's flags.
#include "temper/learn/algo/supervised.h"

#include "temper/app/cli/train_command.h"
#include "temper/learn/train/supervised.h"

namespace temper::cli::sft {

Exit run(std::span<const std::string> args, const Context& context) {
  return train_command(
      "sft", "--model_name_or_path M --dataset_name rows.jsonl --output_dir runs/a",
      train::SftOptions(), *find_algorithm(algo::supervised_catalogue(), "sft"), args, context,
      [](const auto& options, const auto& loss, const train::Setting& setting) {
        return train::sft(options, loss, setting);
      });
}

extern const Command entry = {
    .group = "train", .summary = "learn from given answers (supervised fine-tuning)", .run = run};

}  // namespace temper::cli::sft
