// What one row of a batch is made of, where rows are packed: several short ones, or equal pieces of
// the whole text. Sequences are laid end to end without padding either way (batch/pack.h), so
// packing here says how much an optimizer step reads, not how it is computed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "temper/language/chat/renderer.h"

namespace temper::train {

/// Best fit, longest first (Johnson 1973; TRL's strategy bfd): rows of these lengths in bins of at
/// most `capacity` tokens, each row where the least room is left that holds it. A longer row has a
/// bin of its own. Bins hold indices, in the order in which they were begun.
std::vector<std::vector<size_t>> best_fit_decreasing(std::span<const int64_t> lengths,
                                                     int64_t capacity);

/// All rows end to end, cut every `length` tokens; the last piece is shorter (TRL's wrapped). A
/// piece's first token has nothing before it and is not trained.
std::vector<chat::TokenRow> wrapped(std::span<const chat::TokenRow> rows, int64_t length);

}  // namespace temper::train
