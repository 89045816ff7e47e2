// What a forward pass runs over: rows (tokens) of several sequences, packed without padding, and
// the blocks of keys and values that belong to each. Sequences of a group may share the blocks of a
// common prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "temper/engine/kernel/attention.h"

namespace temper::model {

/// A run of rows of one sequence, at consecutive positions.
struct SequenceRows {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_position = 0;
  std::vector<int32_t> blocks{};  ///< of positions 0–63, 64–127, …, up to the last row's
  int64_t unit = 0;               ///< sequences that share blocks have one unit and stand together
  bool trunk = false;  ///< others continue it: its keys are stored, then `copies` made, then theirs
};

/// Uniform noise on what the tokens are embedded as (embedding_noise.h), for training.
struct EmbeddingNoise {
  uint64_t seed = 0;
  uint32_t step = 0;                ///< the optimizer's
  std::vector<uint32_t> row{};      ///< [sequences] which row of the optimizer batch each is
  std::vector<float> half_width{};  ///< [sequences] noise lies within ± this
};

struct Batch {
  std::vector<int32_t> tokens;     ///< [T]
  std::vector<int32_t> positions;  ///< [T]
  std::vector<SequenceRows> sequences;
  std::vector<kernel::BlockCopy>
      copies;                    ///< the block in which a branch leaves its trunk, one a branch
  int64_t blocks = 0;            ///< numbers used are below this
  std::vector<int32_t> outputs;  ///< [N] rows whose final hidden state is wanted; may repeat
  std::optional<EmbeddingNoise> noise{};

  int64_t rows() const { return static_cast<int64_t>(tokens.size()); }
};

}  // namespace temper::model
