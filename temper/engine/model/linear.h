// One linear layer: y = x·Wᵀ + b, with an optional low-rank adapter beside it (formulas: lora.h).
// Sampler and trainer call the same function; the adapter is never merged into W here.
#pragma once

#include <cstdint>
#include <vector>

#include "temper/engine/model/weight.h"
#include "temper/engine/tensor/buffer.h"

namespace temper::model {

struct Linear {
  Weight* weight = nullptr;
  Weight* bias = nullptr;    ///< or null
  Weight* lora_a = nullptr;  ///< [r, in], or null
  Weight* lora_b = nullptr;  ///< [out, r]
  float lora_scale = 0;
  Weight* magnitude = nullptr;  ///< DoRA's m [out], or null
  // What follows from the weights, with a magnitude alone:
  std::vector<double> base_squares = {};  // [out] ‖W‖² of each row
  tensor::Floats inverse_norm = {};       // [out] 1/‖W + s·B·A‖
  tensor::Floats gain = {};               // [out] m/‖W + s·B·A‖

  int64_t in() const { return weight->columns; }
  int64_t out() const { return weight->rows; }
};

/// `adapter` false leaves the adapter out (the reference of a LoRA run). y: row stride ldy.
void linear(const Linear& layer, bool adapter, const float* x, int64_t ldx, int64_t rows, float* y,
            int64_t ldy);

struct LinearBackward {
  const float* dy;  // [rows, out], row stride ldy
  int64_t ldy;
  const float* x;  // [rows, in], row stride ldx
  int64_t ldx;
  int64_t rows;
  float* dx;  // [rows, in], row stride lddx
  int64_t lddx;
  bool accumulate;  // dx += instead of dx =
};
/// Adds the gradients of trained weights into the store, and computes dx.
void linear_backward(const Linear& layer, WeightStore& store, const LinearBackward& io);

/// ‖W‖ of each row of the base weight: where a magnitude starts, and an adapter with B = 0 changes
/// nothing.
std::vector<float> start_magnitude(Linear& layer);
/// Brings gain and inverse_norm up to date with A, B and m. Does nothing without a magnitude.
void refresh_gain(Linear& layer);

}  // namespace temper::model
