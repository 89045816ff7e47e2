// The model that answers are measured against while a run goes on: the run's own with its adapter
// left out, or a frozen copy of the model that the run starts from. A copy may follow the policy
// (TR-DPO: Gorbatovski et al. 2024, arXiv 2404.09656, eqs. 4 and 5; TRL's SyncRefModelCallback):
//
//   reference ← α · policy + (1 - α) · reference        every τ optimizer steps
//
// over float32 masters. What the copy computes with is their rounding, as with the policy.
#pragma once

#include <functional>
#include <memory>

#include "temper/engine/tensor/buffer.h"
#include "temper/learn/step/preference.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Throws Error where nothing is there to follow: no reference is used, or it is an adapter's base.
void check_sync(const SyncOptions& sync, bool needs_reference, bool adapter);

/// reference ← α · policy + (1 - α) · reference
void follow(std::span<float> reference, std::span<const float> policy, double alpha);

class ReferenceModel {
 public:
  /// Reads the copy, unless the run trains an adapter that can be left out. Make it before
  /// Run::begin(): a copy that follows is a part of the run's checkpoints. `run` must outlive it.
  explicit ReferenceModel(Run& run, const SyncOptions& sync = {});
  /// Call it after Run::begin().
  void begin();

  /// Calls `act` with the reference; an adapter is left out meanwhile.
  void ask(const std::function<void(model::Model&)>& act);
  /// What ask() calls with.
  model::Model& model() { return copy_ ? *copy_ : run_.model(); }
  /// Sets the pairs' reference sums to what it says now; compares what it sampled itself.
  /// `temperature`: at which it was.
  step::Mismatch read(const algo::PreferenceLoss& loss, std::span<step::Pair* const> pairs,
                      double temperature = 1);

  /// After every optimizer step, before its checkpoint.
  void follow();

 private:
  Run& run_;
  SyncOptions sync_;
  std::unique_ptr<model::Model> copy_;  // null: the adapter is left out
  tensor::Floats masters_;              // of a copy that follows, in the order of the policy's
};

}  // namespace temper::train
