// Noise on the embeddings of a batch: each element of each row is moved by a uniform number, keyed
// by (optimizer step, row of the optimizer batch, position, element). So neither micro-batching,
// nor packing, nor a resume changes a bit of it.
#pragma once

#include "temper/engine/model/batch.h"

namespace temper::model {

/// x [T, width] += the noise that `batch` asks for; nothing where it asks for none.
void add_noise(const Batch& batch, int64_t width, float* x);

}  // namespace temper::model
