// One optimizer batch of scored sequences through a model with a score head and a member of the
// score family.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/learn/algo/score.h"

namespace temper::step {

/// What follows the prompt, and where in it scores are read.
struct ScoredAnswer {
  std::vector<int32_t> tokens;
  std::vector<int32_t> places;  ///< indices of tokens, ascending
};

/// A pair: two answers, chosen first, with one place each. A solution: one answer, with its steps'
/// ends as places and a label for each. To be asked alone: one answer, no label.
struct ScoreItem {
  std::vector<int32_t> prompt = {};
  std::vector<ScoredAnswer> answers = {};
  std::vector<int64_t> right = {};  ///< the label of each place; empty for pairs
  double margin = 0;                ///< of a pair
};

/// What one optimizer batch gave.
struct ScoreResult {
  double loss = 0;
  int64_t read_tokens = 0;                ///< prompts once, answers whole
  std::map<std::string, double> metrics;  ///< the member's, folded
};

class ScoreStepper {
 public:
  /// `budget_tokens`: rows of one micro-batch; an item stays whole, however long it is.
  ScoreStepper(model::Model& model, const algo::ScoreLoss& loss, int64_t budget_tokens)
      : model_(model), loss_(loss), budget_tokens_(budget_tokens) {}

  /// Adds the gradients of the whole batch to the model's store.
  ScoreResult train(std::span<const ScoreItem* const> items);
  /// The same numbers without gradients.
  ScoreResult evaluate(std::span<const ScoreItem* const> items);

 private:
  enum class Gradients { None, Added };
  ScoreResult run(std::span<const ScoreItem* const> items, Gradients gradients);

  model::Model& model_;
  const algo::ScoreLoss& loss_;
  int64_t budget_tokens_;
  model::Activations activations_;
};

/// The scores of one item's places, [places, labels]. Throws Error for a token that the model does
/// not have, and for more tokens than its context holds.
std::vector<float> scores(model::Model& model, const ScoreItem& item);

}  // namespace temper::step
