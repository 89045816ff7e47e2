#include "temper/learn/algo/shaping.h"

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::algo {

void RunningMoments::add(std::span<const double> values) {
  if (values.empty()) return;
  const auto n = static_cast<double>(values.size());
  double sum = 0, around = 0;
  for (double x : values) sum += x;
  for (double x : values) around += (x - sum / n) * (x - sum / n);
  const double apart = sum / n - mean;
  squares += around + apart * apart * count * n / (count + n);
  mean += apart * n / (count + n);
  count += n;
}

double RunningMoments::std() const {
  return count > 1 ? std::sqrt(squares / (count - 1)) : 1;
}

void hold(std::vector<double>& rewards, std::span<const double> range) {
  if (range.empty()) return;
  if (range.size() != 2 || !(range[0] <= range[1])) {
    throw Error(
        {"reward_clip_range wants two numbers, the lower first", "", "--reward_clip_range -10 10"});
  }
  for (double& reward : rewards) reward = std::clamp(reward, range[0], range[1]);
}

double KlControl::next(double coef, double kl, double answers) const {
  return coef * (1 + std::clamp(kl / target - 1, -0.2, 0.2) * answers / horizon);
}

}  // namespace temper::algo
