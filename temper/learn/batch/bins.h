// Things of several lengths into as few containers of one size as is easily found.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper::batch {

/// Best fit, longest first (Johnson 1973; TRL's strategy bfd): rows of these lengths in bins of at
/// most `capacity` tokens, each row where the least room is left that holds it. A longer row has a
/// bin of its own. Bins hold indices, in the order in which they were begun.
std::vector<std::vector<size_t>> best_fit_decreasing(std::span<const int64_t> lengths,
                                                     int64_t capacity);

}  // namespace temper::batch
