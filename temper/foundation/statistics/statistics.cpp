#include "temper/foundation/statistics/statistics.h"

#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::statistics {

Moments moments(std::span<const double> values) {
  if (values.empty()) return {};
  const double n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (double value : values) mean += value / n;
  for (double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

Interval interval(std::span<const double> values) {
  if (values.empty()) return {};
  const Moments m = moments(values);
  const double half = 1.96 * m.deviation / std::sqrt(static_cast<double>(values.size()));
  return {m.mean, m.mean - half, m.mean + half};
}

Interval paired_gain(std::span<const double> before, std::span<const double> after) {
  ASSERT(before.size() == after.size(), "a gain is over the same prompts");
  std::vector<double> gains(before.size());
  for (size_t i = 0; i < gains.size(); ++i) gains[i] = after[i] - before[i];
  return interval(gains);
}

double pass_at_k(int64_t n, int64_t c, int64_t k) {
  if (n - c < k) return 1;
  double all_wrong = 1;
  for (int64_t i = n - c + 1; i <= n; ++i) {
    all_wrong *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - all_wrong;
}

std::vector<int64_t> pass_counts(int64_t n) {
  std::vector<int64_t> counts;
  for (int64_t k = 1; k < n; k *= 2) counts.push_back(k);
  if (n > 0) counts.push_back(n);
  return counts;
}

}  // namespace temper::statistics
