#include "temper/learn/train/mismatch.h"

#include <algorithm>

namespace temper::train {

std::vector<step::Pair> mismatched(std::span<const step::Pair* const> batch, int64_t max_length) {
  std::vector<step::Pair> all;
  if (batch.size() < 2) return all;
  for (size_t k = 0; k < batch.size(); ++k) {
    const step::Pair& before = *batch[(k + batch.size() - 1) % batch.size()];
    const std::vector<int32_t>& answer = before.chosen.empty() ? before.rejected : before.chosen;
    const auto room = static_cast<size_t>(max_length) - batch[k]->prompt.size();
    const size_t kept = max_length > 0 ? std::min(answer.size(), room) : answer.size();
    all.push_back({.prompt = batch[k]->prompt,
                   .chosen = {answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(kept)},
                   .rejected = {}});
  }
  return all;
}

}  // namespace temper::train
