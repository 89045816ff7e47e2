// Masters for a model that was stored in bfloat16.
#pragma once

#include "temper/engine/model/weight.h"
#include "temper/foundation/random/random.h"

namespace temper::model {

/// Moves every trained master that lies exactly on a bfloat16 number to a random place in that
/// number's rounding cell. The forward copies keep their bits: the model computes the same.
///
/// Why: the forward copy is the master rounded to nearest. From the middle of its cell a weight of
/// 0.2 has to travel 5e-4 before its copy changes at all, and at the rates of reinforcement
/// learning (1e-6 … 2e-5 a step) most never get there: the run trains, and the model stands still.
/// From a uniform place a move of a tenth of the cell changes one copy in ten, so the copies move
/// as far as the masters do on average (dithered quantisation: Schuchman 1964, "Dither signals and
/// their effect on quantization noise"). Masters off the grid, as a finished float32 training
/// leaves them, stay.
void dither(WeightStore& store, const random::Stream& stream);

}  // namespace temper::model
