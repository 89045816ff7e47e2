// One optimizer batch of pairs through the model and a member of the preference family.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/batch/pack.h"

namespace temper::step {

/// What is known of one answer's tokens; each empty where it is not.
struct TokenNumbers {
  std::vector<float> ref_logp = {};  ///< from reference(), for a member that asks for the drift
  /// As sampled, at the sampling temperature, by the policy or by the reference.
  std::vector<float> behaviour = {}, ref_behaviour = {};
};

/// A prompt with two answers, or with one: the other is empty.
struct Pair {
  std::vector<int32_t> prompt, chosen, rejected;
  algo::AnswerSums ref_chosen = {}, ref_rejected = {};  ///< from reference(), where it is needed
  double margin = 0;  ///< how far apart their rewards should be, for reward models
  double win = 1;     ///< algo::Pairs::win
  TokenNumbers chosen_tokens = {}, rejected_tokens = {};
};

/// Between the sampler's log-probs and the trainer's.
struct Mismatch {
  double largest = 0, total = 0;
  int64_t compared = 0;  ///< tokens
  /// NaN counts as the largest: a mismatch is never hidden.
  void add(double gap);
};

/// What one optimizer batch gave.
struct PairResult {
  double loss = 0;
  int64_t trained_tokens = 0, read_tokens = 0;  ///< prompts once, answers whole
  double mean_entropy = 0;                      ///< over the answers' tokens
  double token_accuracy = 0;                    ///< argmax equals the target, chosen answers
  double nll =
      0;  ///< mean over chosen answers' tokens, with their prompts' where those are trained
  /// The member's, averaged over pairs, or over answers; rewards/margins of single answers is the
  /// difference of the sides' means.
  std::map<std::string, double> metrics;
  Mismatch mismatch;  ///< of `behaviour`, in training
};

class PairStepper {
 public:
  /// `budget_tokens`: rows of one micro-batch; a pair stays whole, however long it is.
  /// `temperature`: at which answers with `behaviour` or `ref_behaviour` were sampled.
  PairStepper(model::Model& model, const algo::PreferenceLoss& loss, int64_t budget_tokens,
              double temperature = 1)
      : model_(model), loss_(loss), budget_tokens_(budget_tokens), temperature_(temperature) {}

  /// Adds the gradients of the whole batch to the model's store. `mismatched`: the batch's answers
  /// behind each other's prompts, for a member that asks for them; read without gradients.
  PairResult train(std::span<const Pair* const> pairs,
                   std::span<const Pair* const> mismatched = {});
  /// The same numbers without gradients.
  PairResult evaluate(std::span<const Pair* const> pairs,
                      std::span<const Pair* const> mismatched = {});
  /// Sets ref_chosen and ref_rejected to what the model says now, and compares `ref_behaviour`.
  Mismatch reference(std::span<Pair* const> pairs);

  /// log π - log π_ref of the answers trained on so far, for a member that asks for it.
  const algo::RunningMean& running() const { return running_; }
  void go_on_from(const algo::RunningMean& running) { running_ = running; }

 private:
  struct Pass;
  std::vector<std::span<const Pair* const>> micro_batches(std::span<const Pair* const> pairs) const;
  batch::Packed packed(std::span<const Pair* const> pairs) const;
  std::vector<algo::PairSums> read(std::span<const Pair* const> pairs, PairResult* counts);
  void compare(const Pass& pass, std::vector<float> TokenNumbers::*sampled,
               Mismatch& mismatch) const;
  double mean_gain(std::span<const Pair* const> pairs);

  model::Model& model_;
  const algo::PreferenceLoss& loss_;
  int64_t budget_tokens_;
  double temperature_;
  algo::RunningMean running_;
  model::Activations activations_;
};

}  // namespace temper::step
