// What one row of a batch is made of, where rows are packed: several short ones (batch/bins.h), or
// equal pieces of the whole text. Sequences are laid end to end without padding either way
// (batch/pack.h), so packing here says how much an optimizer step reads, not how it is computed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "temper/language/chat/renderer.h"

namespace temper::train {

/// All rows end to end, cut every `length` tokens; the last piece is shorter (TRL's wrapped). A
/// piece's first token has nothing before it and is not trained.
std::vector<chat::TokenRow> wrapped(std::span<const chat::TokenRow> rows, int64_t length);

}  // namespace temper::train
