// The head of reward models, process reward models and critics: a small linear layer in the place
// of the language head. transformers calls it `score`.
//
//   values = hidden · Wᵀ + b      hidden [N, D], W [labels, D], b [labels] or none
//
// Each value is one sum in float64 over D in order, then rounded; gradients run over the rows in
// their order. So the bits depend on the row alone, not on threads, packing or the model's dtype
// beyond the rounding of its weights.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "temper/engine/model/weight.h"

namespace temper::model {

struct ScoreHead {
  Weight* weight = nullptr;  ///< [labels, D]; null: the model has none
  Weight* bias = nullptr;    ///< [labels], or null

  explicit operator bool() const { return weight != nullptr; }
  int64_t labels() const { return weight->rows; }
};

/// values: [rows, labels]; hidden: final hidden states, [rows, D].
void score(const ScoreHead& head, const float* hidden, int64_t rows, float* values);

struct ScoreBackward {
  const float* hidden;  // [rows, D], as score() had it
  int64_t rows;
  const float* d_values;  // [rows, labels]
  float* d_hidden;        // [rows, D], overwritten
};
/// Adds the gradients of a trained head into the store, and computes d_hidden.
void score_backward(const ScoreHead& head, WeightStore& store, const ScoreBackward& io);

/// The place whose score is the sequence's: its last token that is not `pad`, as transformers finds
/// it; 0 where there is none.
int64_t scored_token(std::span<const int32_t> tokens, std::optional<int32_t> pad);

}  // namespace temper::model
