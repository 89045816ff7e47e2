// What the model that a preference run starts from holds of its pairs, read once and kept.
#pragma once

#include <span>

#include "temper/learn/step/preference.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Sets the pairs' reference sums, and keeps them in output_dir/reference.jsonl. A resumed run
/// takes them from there; where the file is missing or belongs to other pairs, the model is asked
/// again. Call it before Run::begin, while the run's model is the one it starts from.
void read_reference(Run& run, step::PairStepper& stepper, std::span<step::Pair* const> pairs);

}  // namespace temper::train
