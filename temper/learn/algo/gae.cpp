#include "temper/learn/algo/gae.h"

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/advantage.h"

namespace temper::algo {

TokenAdvantages gae(std::span<const double> rewards, std::span<const double> values,
                    const Discount& d) {
  ASSERT(values.size() == rewards.size() + 1, "a value before each token and one behind the last");
  TokenAdvantages all{std::vector<double>(rewards.size()), std::vector<double>(rewards.size())};
  double later = 0;
  for (size_t t = rewards.size(); t-- > 0;) {
    const double surprise = rewards[t] + d.gamma * values[t + 1] - values[t];
    later = surprise + d.gamma * d.lam * later;
    all.advantage[t] = later;
    all.target[t] = later + values[t];
  }
  return all;
}

void whiten_tokens(std::vector<std::vector<double>>& answers, Mean mean) {
  std::vector<double> flat;
  for (const std::vector<double>& answer : answers)
    flat.insert(flat.end(), answer.begin(), answer.end());
  const std::vector<double> ones(flat.size(), 1.0);
  const double kept = mean == Mean::Kept ? spread(flat, ones).mean : 0;
  whiten(flat, ones);
  size_t n = 0;
  for (std::vector<double>& answer : answers) {
    for (double& value : answer) value = flat[n++] + kept;
  }
}

double explained_variance(std::span<const double> targets, std::span<const double> values) {
  ASSERT(targets.size() == values.size(), "a target a value");
  const std::vector<double> ones(targets.size(), 1.0);
  std::vector<double> missed(targets.begin(), targets.end());
  for (size_t i = 0; i < missed.size(); ++i) missed[i] -= values[i];
  const double all = spread(targets, ones).std, left = spread(missed, ones).std;
  return all > 0 ? 1 - left * left / (all * all) : 0;
}

}  // namespace temper::algo
