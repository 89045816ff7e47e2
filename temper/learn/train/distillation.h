// The distillation loop: a student follows a teacher's distributions on its own answers to the
// rows' prompts, or on the answers in the rows.
#pragma once

#include <string>
#include <vector>

#include "temper/language/chat/renderer.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::algo {
class SupervisedLoss;
}

namespace temper::train {

struct DistillationOptions {
  CommonOptions common;
  data::DatasetOptions data;
  chat::RendererOptions render;
  std::string teacher_model_name_or_path;
  double lmbda = 1;
  double temperature = 1;
  int64_t max_completion_length = 256;
  int64_t max_sequences = 64;
};
void describe(config::Fields<DistillationOptions>& f);
/// TRL's defaults where they differ from those of sft.
DistillationOptions distillation_defaults();

/// The whole command. Throws Error when teacher and student do not share a vocabulary, and when
/// rows have no answers and lmbda wants some.
Result distillation(const DistillationOptions& options, const algo::SupervisedLoss& loss,
                    const Setting& setting);

}  // namespace temper::train
