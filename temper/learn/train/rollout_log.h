// What a policy run keeps of its answers: every one in rollouts.jsonl, the first batch decoded, and
// one now and then on the terminal.
#pragma once

#include "temper/foundation/runlog/progress.h"
#include "temper/learn/train/generation.h"

namespace temper::train {

/// `show_every`: steps between answers shown; 0: none.
void log_rollouts(Run& run, const Generation& generation, int64_t show_every,
                  runlog::Progress& progress);

}  // namespace temper::train
