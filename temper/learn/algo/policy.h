// The family of algorithms that learn from rewards of the policy's own answers: one file a member
// in policy/.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/leaves.h"

namespace temper::algo {

/// Rewards of one generation batch. `scored` false: a verifier failed; the answer stays out of the
/// statistics and has advantage 0.
struct GroupRewards {
  int64_t prompts, samples;     // P, G
  std::vector<double> rewards;  // [P · G]
  std::vector<char> scored;     // [P · G]
};

class PolicyLoss {
 public:
  virtual ~PolicyLoss() = default;
  /// [P · G]
  virtual std::vector<double> advantages(const GroupRewards& groups) const = 0;
  virtual Terms terms(const Tokens& tokens) const = 0;
  /// True when the reference's log-probs are read with these options.
  virtual bool needs_reference() const = 0;
  virtual bool needs_entropy() const = 0;
};

struct Policy {
  std::string_view summary;
  int64_t group_at_least = 1;
  std::function<std::shared_ptr<void>()> options;  // shared: the binding and the loss hold it
  std::function<config::Schema()> schema;
  std::function<std::unique_ptr<PolicyLoss>(const std::shared_ptr<void>& options)> make;
};
struct NamedPolicy {
  std::string_view name;
  const Policy* member;
};
std::span<const NamedPolicy> policy_catalogue();

}  // namespace temper::algo
