#include "temper/learn/train/neftune.h"

#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::train {

void ask_noise(std::span<batch::Packed> batches, std::span<const chat::TokenRow* const> rows,
               const Neftune& neftune) {
  for (batch::Packed& packed : batches) {
    model::EmbeddingNoise noise{.seed = neftune.seed, .step = neftune.step};
    for (int64_t id : packed.answers) {
      const int64_t tokens = std::ssize(rows[static_cast<size_t>(id)]->ids);
      if (tokens < 2) continue;  // its last token is not read: no sequence
      const size_t place = noise.row.size();
      ASSERT(
          place < packed.rows.sequences.size() && packed.rows.sequences[place].rows == tokens - 1,
          "every row is a sequence of its own");
      noise.row.push_back(static_cast<uint32_t>(id));
      noise.half_width.push_back(static_cast<float>(
          neftune.alpha / std::sqrt(static_cast<double>(tokens * neftune.width))));
    }
    packed.rows.noise = std::move(noise);
  }
}

}  // namespace temper::train
