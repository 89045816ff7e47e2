// The demo: a small instruct model learns to mask personal data, by demonstrations and then by
// rewards.
#pragma once

#include <cstdint>
#include <string>

#include "temper/app/cli/command.h"

namespace temper::cli {

struct DemoOptions {
  std::string model = ".deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  std::string output_dir = "runs/demo";
  std::string dtype = "bfloat16";
  int64_t seed = 1;
  int64_t num_threads = 0;
  bool quick = false;
  int64_t eval_prompts = 256, middle_prompts = 128, eval_samples = 4;
  int64_t max_completion_length = 96;
  int64_t sft_rows = 192, sft_validation_rows = 32, sft_batch = 16, sft_steps = 16;
  double sft_learning_rate = 1e-4, sft_share = 0.5;
  int64_t grpo_steps = 40, grpo_prompts = 8, grpo_samples = 8;
  double grpo_learning_rate = 4e-5;
  double save_interval_s = 120;
};
void describe(config::Fields<DemoOptions>& f);

/// Runs, or goes on with, the demo in output_dir. A stage that is done is not done again.
Exit run_demo(const DemoOptions& options, const Context& context);

}  // namespace temper::cli
