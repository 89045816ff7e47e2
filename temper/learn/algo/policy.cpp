// What every policy algorithm asks of its rewards.
#include "temper/learn/algo/policy.h"

#include <cmath>

#include "temper/foundation/error/error.h"

namespace temper::algo {

void checked(const GroupRewards& groups) {
  const size_t answers = groups.rewards.size();
  ASSERT(static_cast<int64_t>(answers) == groups.prompts * groups.samples, "rewards are [P · G]");
  ASSERT(groups.scored.size() == answers, "scored is [P · G]");
  for (const std::vector<double>* column : {&groups.lengths, &groups.log_ratios})
    ASSERT(column->empty() || column->size() == answers, "lengths and log_ratios are [P · G]");
  for (const RewardPart& part : groups.parts)
    ASSERT(part.values.size() == answers && part.scored.size() == answers, "parts are [P · G]");
  for (size_t i = 0; i < answers; ++i) {
    if (!groups.scored[i] || std::isfinite(groups.rewards[i])) continue;
    const size_t samples = groups.samples;
    throw Error(
        {"a scored reward must be a finite number, got " + std::to_string(groups.rewards[i]),
         "prompt " + std::to_string(i / samples) + ", answer " + std::to_string(i % samples),
         "let the verifier report the outcome 'unscorable' instead"});
  }
}

}  // namespace temper::algo
