// What the other kernels of the CPU room use of gemm: products of a slice of B's rows, serial
// products for callers that run in parallel themselves, and ways to cut work over threads.
#pragma once

#include <cstdint>

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/tensor/parallel.h"

namespace temper::kernel::cpu {

/// Calls body(begin, end) on shares of [0, count): on this thread alone when count · work, in
/// floating point operations or bytes, is too little to pay for waking the others.
template <class F>
void share(int64_t count, int64_t work, F&& body) {
  constexpr int64_t kWorthwhile = 1 << 16;
  if (count * work < kWorthwhile) return body(int64_t{0}, count);
  tensor::parallel(count, body);
}

/// Rows of B alone: A is [M, steps] and meets B's rows first_step … first_step + steps. On pair
/// panels first_step is even.
struct Steps {
  int64_t first = 0, count = -1;
};
void multiply(const Product& product, Steps steps);

/// The same on this thread alone.
void multiply_here(const Product& product, Steps steps);

/// Some columns of panels that are made, for some steps, as floats: out[p · panel + k · ld + j] is
/// B[steps.first + k, first + 16 p + j]. `first` and steps.first are multiples of 16.
struct MadeColumns {
  const Panels& b;
  int64_t first, columns;
  Steps steps;
  float* out;
  int64_t panel, ld;
};
void make(const MadeColumns& columns);

/// A product with panels that are made, on the fma class: they become floats for a few steps at a
/// time, and meet many rows of A.
void multiply_made(const Product& product);

}  // namespace temper::kernel::cpu
