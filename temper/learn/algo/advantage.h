// How rewards become advantages: the parts that members of policy/ put together.
#pragma once

#include <span>
#include <vector>

#include "temper/learn/algo/policy.h"

namespace temper::algo {

struct Spread {
  double mean = 0, std = 0;
};
/// Of values counted `weights` times; std with n - 1, n = Σ weights. A value of weight 0 is never
/// read. Values that are all equal have that mean and a std of 0 exactly; none has 0 and 0.
Spread spread(std::span<const double> values, std::span<const double> weights);

/// What the last tokens before the limit cost an answer: Yu et al. 2025 (arXiv 2503.14476), eq. 13.
struct Overlong {
  int64_t limit = 0;   ///< max_completion_length
  int64_t buffer = 0;  ///< 0: nothing is lost
  double factor = 1;
  /// 0 up to limit - buffer tokens, falling to -1 at the limit.
  double punishment(int64_t tokens) const;
};

/// [P · G] 1 for a scored answer, else 0.
std::vector<double> scored_answers(const GroupRewards& groups);
/// [P · G] 1 for a scored answer with another in its group, else 0.
std::vector<double> compared_answers(const GroupRewards& groups);
/// [P · G] the trained tokens of a scored answer, else 0.
std::vector<double> scored_tokens(const GroupRewards& groups);

/// [P · G] rewards less the mean of their group under `weights`; 0 for an answer that is not
/// scored.
std::vector<double> centred(const GroupRewards& groups, std::span<const double> weights);
/// [P · G] rewards less the mean of the others that are scored in the group; 0 where there are
/// none, and for an answer that is not scored.
std::vector<double> left_out(const GroupRewards& groups);

/// (values - mean) / (std + 1e-4) over the whole batch, as TRL does; values of weight 0 stay.
void standardise(std::vector<double>& values, std::span<const double> weights);
/// (values - mean) / √(std² + 1e-8) over the whole batch, as verl does; values of weight 0 stay.
void whiten(std::vector<double>& values, std::span<const double> weights);

}  // namespace temper::algo
