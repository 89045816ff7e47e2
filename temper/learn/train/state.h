// Checkpoints: everything a run needs to go on to the same bits. A checkpoint is a folder
// checkpoints/step-N with the model as transformers loads it (or the adapter), the optimizer's
// masters and moments, and state.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/engine/optim/optimizer.h"
#include "temper/foundation/runlog/runlog.h"
#include "temper/language/token/tokenizer.h"
#include "temper/learn/algo/shaping.h"

namespace temper::train {

/// Where a run stands, beyond tensors. Everything else (row order, random draws) is a function of
/// it and the seed.
struct State {
  int64_t step = 0;  ///< optimizer steps done
  double seconds = 0;
  int64_t tokens = 0;  ///< read by the trainer
  int64_t sampled_tokens = 0;
  int64_t skipped_steps = 0;
  double best = 0;
  int64_t best_step = -1;         ///< -1: never evaluated
  int64_t evaluations_since = 0;  ///< since the best one
  bool ended_early = false;
  double largest_mismatch = 0;
  int64_t compared = 0;
  /// NaN counts as the largest: a mismatch is never hidden.
  void compare(double mismatch, int64_t tokens);
  double first_loss = 0, last_loss = 0;
  double first_reward = 0, last_reward = 0;
  int64_t drawn = 0;  ///< batches of prompts taken from the training part
  /// Of the entropy bonus; unset before a policy run's first step.
  std::optional<double> entropy_coef{}, last_entropy{};
  double gain_total = 0;  ///< log π - log π_ref of the answers trained on so far (BCO's δ)
  int64_t gain_count = 0;
  algo::Carried carried{};  ///< by a policy run's member
  /// Pairs that were sampled: learned from, without a preference, not to be judged.
  int64_t pairs = 0, tied_pairs = 0, unscored_pairs = 0;
  std::string bit_class;
  Json to_json() const;
  static State from_json(const Json& json, const std::string& where);
};

struct CheckpointParts {
  model::Model& model;
  optim::AdamW& optimizer;
  const token::Tokenizer& tokenizer;
  const std::string& base;       ///< the base model, for adapters
  std::string name{};            ///< its folder in a checkpoint; empty: the run's own model
  std::span<float> reference{};  ///< masters of a reference that follows it
};

/// Writes the model's part of a folder: a whole model, or an adapter.
void write_weights(const std::string& folder, const CheckpointParts& parts);

/// Saves `state` with the log's offsets under `output_dir`/checkpoints, whole or not at all, and
/// removes the oldest beyond `keep`.
void save_checkpoint(const std::string& output_dir, std::span<const CheckpointParts> models,
                     const State& state, runlog::RunLog& log, int64_t keep);

/// The newest checkpoint's folder.
std::optional<std::string> newest_checkpoint(const std::string& output_dir);

/// Restores models and optimizers, cuts the logs, and returns the state. Throws Error when the
/// checkpoint is damaged or belongs to another model.
State load_checkpoint(const std::string& folder, std::span<const CheckpointParts> models,
                      runlog::RunLog& log);

/// Bytes that a checkpoint of this model takes on disk.
int64_t checkpoint_bytes(const model::Model& model);

}  // namespace temper::train
