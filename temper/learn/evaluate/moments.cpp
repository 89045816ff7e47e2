#include "temper/learn/evaluate/moments.h"

#include <cmath>

namespace temper::evaluate {

Moments moments(std::span<const double> values) {
  if (values.empty()) return {};
  const double n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (double value : values) mean += value / n;
  for (double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

}  // namespace temper::evaluate
