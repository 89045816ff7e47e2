// What rewards go through before they become advantages, batch after batch: held between bounds,
// brought to one scale by the spread of all rewards so far, priced by a coefficient that follows
// the KL.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace temper::algo {

/// Mean and spread of all values so far, batch by batch (Chan et al. 1979).
struct RunningMoments {
  double count = 0, mean = 0, squares = 0;  // squares: Σ (x - mean)²
  void add(std::span<const double> values);
  /// With n - 1; 1 before there are two values, as TRL has it.
  double std() const;
};

/// What a policy member carries from batch to batch, and a checkpoint keeps.
struct Carried {
  std::optional<double> kl_coef{};  ///< unset: the member's option
  RunningMoments rewards{};
};

/// Rewards held between the two numbers of `range`; empty: as they are. Throws Error for other
/// ranges.
void hold(std::vector<double>& rewards, std::span<const double> range);

/// The coefficient of a KL penalty that follows the KL: Ziegler et al. 2019 (arXiv 1909.08593),
/// section 2.2, as verl and OpenRLHF have it.
struct KlControl {
  double target;   ///< nats
  double horizon;  ///< answers over which an error of 1 would double the coefficient
  /// After a batch of `answers` whose KL was `kl`: coef · (1 + clip(kl/target - 1, ±0.2) ·
  /// answers/horizon).
  double next(double coef, double kl, double answers) const;
};

}  // namespace temper::algo
