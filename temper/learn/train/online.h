// The preference loop whose pairs are sampled: at every step the policy answers each prompt, alone
// or beside the reference, the answers are judged, and a member of the preference family learns
// from the pairs that this makes. A prompt whose answers are worth the same, or could not be
// judged, makes none; it is counted. Answers are a function of the weights, the step and the seed,
// so a run that goes on from a checkpoint samples them again to the same tokens.
#pragma once

#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"
#include "temper/world/env/environment.h"

namespace temper::algo {
class PreferenceLoss;
}

namespace temper::train {

/// Runs in an environment that the caller made.
Result online(Run& run, const OnlineOptions& options, const env::Environment& environment,
              const algo::PreferenceLoss& loss);

/// The whole command.
Result online(const OnlineOptions& options, const algo::PreferenceLoss& loss,
              const Setting& setting);

}  // namespace temper::train
