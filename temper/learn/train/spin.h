// Self-play fine-tuning (SPIN): rows hold answers worth imitating, the policy as it was when the
// iteration began writes the answers to be told from them, and is the reference. An iteration ends
// with the opponent becoming the policy, which is reference sync with α = 1.
#pragma once

#include "temper/learn/train/preference.h"

namespace temper::train {

struct SpinOptions : PairOptions {
  int64_t num_spin_iterations = 1;  ///< max_steps and num_train_epochs are of one
  int64_t max_new_tokens = 256;
  double temperature = 1;
  int64_t max_sequences = 64;
};
void describe(config::Fields<SpinOptions>& f);

/// Runs over answers worth imitating: the chosen ones of `rows`, which have no others.
Result spin(Run& run, PairRows rows, const SpinOptions& options, const algo::PreferenceLoss& loss,
            const chat::Renderer& renderer);

/// The whole command. Throws Error for an adapter and several iterations: its opponents are no
/// copies.
Result spin(const SpinOptions& options, const algo::PreferenceLoss& loss, const Setting& setting);

}  // namespace temper::train
