#include "temper/engine/model/embedding_noise.h"

#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/random/random.h"

namespace temper::model {

void add_noise(const Batch& batch, int64_t width, float* x) {
  if (!batch.noise) return;
  const EmbeddingNoise& noise = *batch.noise;
  ASSERT(noise.row.size() == batch.sequences.size() &&
             noise.half_width.size() == batch.sequences.size(),
         "noise has a row and a width for every sequence");
  const random::Stream stream(noise.seed, random::Purpose::Noise);
  for (size_t s = 0; s < batch.sequences.size(); ++s) {
    const SequenceRows& sequence = batch.sequences[s];
    tensor::parallel(sequence.rows, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float* row = x + (sequence.first_row + i) * width;
        for (int64_t d = 0; d < width; ++d) {
          const random::Draw draw = stream.at(noise.step, noise.row[s],
                                              static_cast<uint32_t>(sequence.first_position + i),
                                              static_cast<uint32_t>(d));
          row[d] += (2 * draw.uniform_float() - 1) * noise.half_width[s];
        }
      }
    });
  }
}

}  // namespace temper::model
