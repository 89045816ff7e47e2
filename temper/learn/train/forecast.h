// What a loop knows of its run before it begins, and what a run of that size will cost: the line
// that every run prints, `temper plan`, and the prediction that the summary holds beside the facts.
#pragma once

#include <cstdint>
#include <string>

#include "temper/foundation/text/json.h"
#include "temper/learn/plan/plan.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/row_order.h"

namespace temper::train {

struct Forecast {
  plan::Work work;              ///< of the whole run
  int64_t max_sequences = 0;    ///< sampled at once; 0: no sampling
  int64_t sequence_tokens = 0;  ///< prompt and completion of one
  bool reference_copy = false;  ///< a second, frozen model
  int64_t other_bytes = 0;      ///< of another model's weights
  bool at_most = false;         ///< answers are counted as long as they may be
};

/// Tokens of rows, all together.
struct RowTokens {
  double read = 0, predicted = 0;
  double looked_at = 0;  ///< Σ over rows of the positions before them

  /// A sequence of which so many tokens are predicted.
  void add(int64_t tokens, int64_t trained);
};
/// Of a run over rows: those of the training split as often as the run visits them, and the
/// held-out ones at every evaluation.
plan::Work row_work(const RowOrder& order, const CommonOptions& options, const RowTokens& train,
                    const RowTokens& test);

struct Foreseen {
  plan::Probe probe;
  plan::Prediction prediction;
  bool at_most = false;
};
/// Takes up to two seconds of probing, less for a short run. Throws Error for what cannot fit;
/// `held_bytes` of it are held already.
Foreseen foresee(const CommonOptions& options, const model::ModelOptions& model,
                 const weights::ModelConfig& config, const Forecast& forecast, int64_t held_bytes);

/// The parts of memory and time, in lines for `temper plan`.
std::string details(const Foreseen& foreseen);
Json to_json(const Foreseen& foreseen);

}  // namespace temper::train
