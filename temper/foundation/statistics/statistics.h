// Numbers about numbers: means, their intervals, pass@k.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace temper::statistics {

/// `deviation`: the standard deviation with n - 1; 0 for fewer than two values.
struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments(std::span<const double> values);

/// A mean and its 95 % interval, mean ± 1.96 · s/√n.
struct Interval {
  double mean = 0, low = 0, high = 0;
};
Interval interval(std::span<const double> values);
/// Of after[i] - before[i]; both hold the same prompts in order.
Interval paired_gain(std::span<const double> before, std::span<const double> after);

/// pass@k of one prompt, estimated without bias from n answers of which c are right (Chen et al.
/// 2021, arXiv 2107.03374): 1 - C(n-c, k) / C(n, k).
double pass_at_k(int64_t n, int64_t c, int64_t k);
/// The k that pass@k is given for: 1, 2, 4, … and n itself.
std::vector<int64_t> pass_counts(int64_t n);

}  // namespace temper::statistics
