#include "temper/learn/batch/bins.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::batch {

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

}  // namespace temper::batch
