#include "temper/learn/algo/advantage.h"

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::algo {
namespace {

void divide(std::vector<double>& values, std::span<const double> weights, const Spread& by,
            double scale) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (weights[i] > 0) values[i] = (values[i] - by.mean) / scale;
  }
}

}  // namespace

Spread spread(std::span<const double> values, std::span<const double> weights) {
  const double* first = nullptr;
  double count = 0;
  double above = 0;  // differences from the first: equal values are centred to 0 exactly
  for (size_t i = 0; i < values.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    if (!first) first = &values[i];
    count += weights[i];
    above += weights[i] * (values[i] - *first);
  }
  if (!first) return {};
  const double mean = *first + above / count;
  double squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (weights[i] > 0) squares += weights[i] * (values[i] - mean) * (values[i] - mean);
  }
  return {mean, count > 1 ? std::sqrt(squares / (count - 1)) : 0};
}

double Overlong::punishment(int64_t tokens) const {
  const int64_t over = tokens - (limit - buffer);
  if (buffer == 0 || over <= 0) return 0;
  return -std::min(1.0, static_cast<double>(over) / static_cast<double>(buffer));
}

std::vector<double> scored_answers(const GroupRewards& g) {
  return {g.scored.begin(), g.scored.end()};
}

std::vector<double> compared_answers(const GroupRewards& g) {
  std::vector<double> counted = scored_answers(g);
  const auto samples = static_cast<ptrdiff_t>(g.samples);
  for (auto group = counted.begin(); group != counted.end(); group += samples) {
    if (std::count(group, group + samples, 1.0) < 2) std::fill(group, group + samples, 0.0);
  }
  return counted;
}

std::vector<double> scored_tokens(const GroupRewards& g) {
  ASSERT(g.lengths.size() == g.rewards.size(), "the loop gives the lengths of the answers");
  std::vector<double> tokens = g.lengths;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!g.scored[i]) tokens[i] = 0;
  }
  return tokens;
}

std::vector<double> centred(const GroupRewards& g, std::span<const double> weights) {
  std::vector<double> all(g.rewards.size(), 0.0);
  const auto samples = static_cast<size_t>(g.samples);
  for (size_t begin = 0; begin < all.size(); begin += samples) {
    const double mean =
        spread(std::span(g.rewards).subspan(begin, samples), weights.subspan(begin, samples)).mean;
    for (size_t i = begin; i < begin + samples; ++i) {
      if (g.scored[i]) all[i] = g.rewards[i] - mean;
    }
  }
  return all;
}

std::vector<double> left_out(const GroupRewards& g) {
  const std::vector<double> counted = compared_answers(g);
  std::vector<double> all = centred(g, counted);
  const auto samples = static_cast<size_t>(g.samples);
  for (size_t begin = 0; begin < all.size(); begin += samples) {
    double n = 0;
    for (size_t i = begin; i < begin + samples; ++i) n += counted[i];
    // r_i - Σ_{j≠i} r_j / (n - 1) = (r_i - mean) n / (n - 1)
    for (size_t i = begin; i < begin + samples; ++i) all[i] = n > 1 ? all[i] * n / (n - 1) : 0;
  }
  return all;
}

void standardise(std::vector<double>& values, std::span<const double> weights) {
  const Spread batch = spread(values, weights);
  divide(values, weights, batch, batch.std + 1e-4);
}

void whiten(std::vector<double>& values, std::span<const double> weights) {
  const Spread batch = spread(values, weights);
  divide(values, weights, batch, std::sqrt(batch.std * batch.std + 1e-8));
}

}  // namespace temper::algo
