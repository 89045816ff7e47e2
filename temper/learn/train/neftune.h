// NEFTune: Jain et al. 2023 (arXiv 2310.05914), algorithm 1. In training, what a row of L tokens is
// embedded as, in D dimensions, is moved by noise:
//
//   x_td += ε_td α / √(L D)      ε_td uniform in (-1, 1)
//
// so that a row's noise has the same length on average, α / √3, whatever L and D. L is the row's
// own length; transformers counts the padding with it.
#pragma once

#include <cstdint>
#include <span>

#include "temper/language/chat/renderer.h"
#include "temper/learn/batch/pack.h"

namespace temper::train {

struct Neftune {
  double alpha;
  uint64_t seed;
  uint32_t step;  ///< the optimizer's
  int64_t width;  ///< D
};
/// Asks for the noise of an optimizer batch's rows in its micro-batches, none of which shares a
/// beginning. The ids of their answers are places in `rows`.
void ask_noise(std::span<batch::Packed> batches, std::span<const chat::TokenRow* const> rows,
               const Neftune& neftune);

}  // namespace temper::train
