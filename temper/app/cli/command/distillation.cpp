// temper distillation: follow a teacher's distributions, with TRL's flags.
#include "temper/learn/train/distillation.h"
#include "temper/app/cli/train_command.h"
#include "temper/learn/algo/supervised.h"

namespace temper::cli::distillation {

Exit run(std::span<const std::string> args, const Context& context) {
  return train_command(
      "distillation",
      "--model_name_or_path STUDENT --teacher_model_name_or_path TEACHER --dataset_name "
      "prompts.jsonl --output_dir runs/a",
      train::distillation_defaults(), *find_algorithm(algo::supervised_catalogue(), "distillation"),
      args, context, [](const auto& options, const auto& loss, const train::Setting& setting) {
        return train::distillation(options, loss, setting);
      });
}

extern const Command entry = {.group = "train",
                              .summary =
                                  "follow a teacher's distributions (GKD, on the student's "
                                  "own answers or given ones)",
                              .run = run};

}  // namespace temper::cli::distillation
