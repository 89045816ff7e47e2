// One linear layer: y = x·Wᵀ + b, with an optional low-rank adapter beside it.
//
//   y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ       LoRA: Hu et al. 2021 (arXiv 2106.09685), eq. 3; A [r, in], B
//   [out, r]
#pragma once

#include <cstdint>

#include "temper/engine/model/weight.h"
#include "temper/engine/tensor/buffer.h"

namespace temper::model {

struct Linear {
  Weight* weight = nullptr;
  Weight* bias = nullptr;    ///< or null
  Weight* lora_a = nullptr;  ///< [r, in], or null
  Weight* lora_b = nullptr;  ///< [out, r]
  float lora_scale = 0;

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

}  // namespace temper::model
