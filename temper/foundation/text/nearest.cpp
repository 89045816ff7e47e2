#include "temper/foundation/text/nearest.h"

#include <algorithm>
#include <utility>

namespace temper::text {

int edit_distance(std::string_view from, std::string_view to) {
  std::vector<int> before(to.size() + 1), last(to.size() + 1), row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) last[j] = int(j);
  for (size_t i = 1; i <= from.size(); ++i) {
    row[0] = int(i);
    for (size_t j = 1; j <= to.size(); ++j) {
      int change = last[j - 1] + (from[i - 1] != to[j - 1]);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[to.size()];
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 int count) {
  constexpr size_t kLongest = 100;  // names; keeps the product of lengths small for hostile input
  name = name.substr(0, kLongest);
  std::vector<std::pair<int, const std::string*>> near;
  for (const std::string& candidate : candidates) {
    int distance = edit_distance(name, std::string_view(candidate).substr(0, kLongest));
    bool inside = name.size() >= 3 && candidate.find(name) != std::string::npos;
    bool around = candidate.size() >= 3 && name.find(candidate) != std::string_view::npos;
    int longer = int(std::max(name.size(), candidate.size()));
    if (2 * distance <= longer || inside || around) near.emplace_back(distance, &candidate);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : near) {
    if (int(names.size()) < count) names.push_back(*candidate);
  }
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  std::string text;
  std::vector<std::string> names = nearest(name, candidates);
  for (size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "did you mean '" : i + 1 == names.size() ? "' or '" : "', '";
    text += names[i];
  }
  return text.empty() ? text : text + "'?";
}

}  // namespace temper::text
