// Mean and spread of a list of numbers.
#pragma once

#include <span>

namespace temper::evaluate {

/// `deviation`: the standard deviation with n - 1; 0 for fewer than two values.
struct Moments {
  double mean = 0, deviation = 0;
};
Moments moments(std::span<const double> values);

}  // namespace temper::evaluate
