#include "temper/learn/train/packing.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::train {

std::vector<std::vector<size_t>> best_fit_decreasing(std::span<const int64_t> lengths,
                                                     int64_t capacity) {
  ASSERT(capacity > 0, "a bin holds something");
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<size_t>> bins;
  std::set<std::pair<int64_t, size_t>> rooms;  // what is left, and in which bin
  for (size_t row : order) {
    const int64_t length = lengths[row];
    const auto found = rooms.lower_bound({length, 0});
    size_t bin = bins.size();
    int64_t room = std::max(capacity, length);
    if (found == rooms.end()) {
      bins.emplace_back();
    } else {
      room = found->first;
      bin = found->second;
      rooms.erase(found);
    }
    bins[bin].push_back(row);
    if (room > length) rooms.insert({room - length, bin});
  }
  return bins;
}

std::vector<chat::TokenRow> wrapped(std::span<const chat::TokenRow> rows, int64_t length) {
  ASSERT(length > 1, "a piece has something to predict");
  std::vector<chat::TokenRow> pieces;
  for (const chat::TokenRow& row : rows) {
    for (size_t i = 0; i < row.ids.size(); ++i) {
      if (pieces.empty() || std::ssize(pieces.back().ids) == length) {
        pieces.emplace_back().where = row.where;
      }
      pieces.back().ids.push_back(row.ids[i]);
      pieces.back().trained.push_back(pieces.back().ids.size() == 1 ? 0 : row.trained[i]);
    }
  }
  std::erase_if(pieces, [](const chat::TokenRow& piece) { return piece.trained_tokens() == 0; });
  return pieces;
}

}  // namespace temper::train
