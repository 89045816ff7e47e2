// Cosines and sines of rotary positions with every scaling that transformers computes for Llama,
// Qwen2 and Qwen3 (modeling_rope_utils): none, linear, llama3, yarn. Angles are float32 products,
// as there.
#pragma once

#include <cstdint>

#include "temper/engine/tensor/buffer.h"
#include "temper/engine/weights/config.h"

namespace temper::model {

class RopeTable {
 public:
  explicit RopeTable(const weights::ModelConfig& config);
  /// Makes the tables reach position `positions` - 1.
  void reach(int64_t positions);
  const float* cosine() const { return cosine_.data(); }  // [positions, head_dim/2]
  const float* sine() const { return sine_.data(); }

 private:
  int64_t half_, positions_ = 0;
  float attention_factor_ = 1;
  tensor::Floats frequency_, cosine_, sine_;
};

}  // namespace temper::model
