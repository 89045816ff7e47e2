// temper reward: a reward model from pairs of answers, with TRL's flags.
#include "temper/app/cli/train_command.h"
#include "temper/learn/train/score.h"

namespace temper::cli::reward {

Exit run(std::span<const std::string> args, const Context& context) {
  return train_command(
      "reward", "--model_name_or_path M --dataset_name pairs.jsonl --output_dir runs/rm",
      train::reward_defaults(), *find_algorithm(algo::score_catalogue(), "reward"), args, context,
      [](const auto& options, const auto& loss, const train::Setting& setting) {
        return train::reward(options, loss, setting);
      });
}

extern const Command entry = {
    .group = "train", .summary = "a reward model from pairs of answers, one preferred", .run = run};

}  // namespace temper::cli::reward
