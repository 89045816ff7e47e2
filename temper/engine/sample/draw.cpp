#include "temper/engine/sample/draw.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {
namespace {

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

/// The k-th largest value.
float kth_largest(const std::vector<float>& values, int64_t k) {
  std::vector<float> copy = values;
  auto nth = copy.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(copy.begin(), nth, copy.end(), std::greater<>());
  return *nth;
}

void cut_below(std::vector<float>& values, float bound) {
  for (float& value : values) {
    if (value < bound) value = kExcluded;
  }
}

/// The smallest set of most likely tokens that holds `share` of the probability; equal ones by id.
void keep_share(std::vector<float>& values, double temperature, double share) {
  const int64_t size = static_cast<int64_t>(values.size());
  const auto statistics = kernel::row_statistics(values.data(), size, temperature);
  std::vector<int32_t> order;
  for (int32_t i = 0; i < size; ++i) {
    if (values[static_cast<size_t>(i)] != kExcluded) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const float x = values[static_cast<size_t>(a)], y = values[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  double held = 0;
  for (int32_t token : order) {
    const float logp = kernel::row_logp(values.data(), token, temperature, statistics);
    if (held >= share) values[static_cast<size_t>(token)] = kExcluded;
    held += std::exp(double{logp});
  }
}

}  // namespace

bool whole_support(const chat::SamplingOptions& options) {
  return options.temperature > 0 && options.top_k == 0 && options.top_p >= 1 && options.min_p <= 0;
}

void check(const chat::SamplingOptions& options) {
  auto refuse = [](const std::string& name, const std::string& wanted, double got) {
    throw Error(
        {name + ": wanted " + wanted + ", got " + std::to_string(got), "sampling options", ""});
  };
  if (!(options.temperature >= 0)) refuse("temperature", "at least 0", options.temperature);
  if (!(options.top_p > 0 && options.top_p <= 1))
    refuse("top_p", "above 0, at most 1", options.top_p);
  if (options.top_k < 0) refuse("top_k", "at least 0", static_cast<double>(options.top_k));
  if (!(options.min_p >= 0 && options.min_p <= 1)) refuse("min_p", "0 to 1", options.min_p);
  if (options.max_tokens < 1)
    refuse("max_tokens", "at least 1", static_cast<double>(options.max_tokens));
}

Drawn draw(const float* logits, int64_t vocabulary, const chat::SamplingOptions& options, double u,
           std::vector<float>& scratch) {
  if (options.temperature == 0) {
    const int32_t best =
        static_cast<int32_t>(std::max_element(logits, logits + vocabulary) - logits);
    return {best, kernel::row_logp(logits, best, 1, kernel::row_statistics(logits, vocabulary, 1))};
  }
  const double temperature = options.temperature;
  const float* from = logits;
  if (!whole_support(options)) {
    scratch.assign(logits, logits + vocabulary);
    if (options.top_k > 0 && options.top_k < vocabulary) {
      cut_below(scratch, kth_largest(scratch, options.top_k));
    }
    if (options.top_p < 1) keep_share(scratch, temperature, options.top_p);
    if (options.min_p > 0) {
      const float largest = *std::max_element(scratch.begin(), scratch.end());
      cut_below(scratch, largest + static_cast<float>(temperature * std::log(options.min_p)));
    }
    from = scratch.data();
  }
  const auto statistics = kernel::row_statistics(from, vocabulary, temperature);
  const int32_t token = kernel::row_draw(from, vocabulary, temperature, statistics, u);
  return {token, kernel::row_logp(from, token, temperature, statistics)};
}

}  // namespace temper::sample
