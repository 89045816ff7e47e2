// The family of algorithms that learn from rewards of the policy's own answers: one file a member
// in policy/.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/leaves.h"
#include "temper/learn/algo/shaping.h"

namespace temper::algo {

/// What one reward function said of the answers.
struct RewardPart {
  double weight = 1;
  std::vector<double> values;  // [P · G]
  std::vector<char> scored;    // [P · G]
};

/// Rewards of one generation batch. `scored` false: a verifier failed; the answer stays out of the
/// statistics and has advantage 0.
struct GroupRewards {
  int64_t prompts, samples;       // P, G
  std::vector<double> rewards;    // [P · G]
  std::vector<char> scored;       // [P · G]
  std::vector<double> lengths{};  // [P · G] trained tokens of the answers
  /// [P · G] Σ_t (log π - log π_ref) over an answer's trained tokens, as sampled; nats. Empty
  /// unless the member reads the reference.
  std::vector<double> log_ratios{};
  std::vector<RewardPart> parts{};  // `rewards` is their weighted sum; empty: not told apart
  /// [P] rewards of the greedy answers to the prompts, and whether they were scored. Empty unless
  /// the member compares with them.
  std::vector<double> greedy{};
  std::vector<char> greedy_scored{};
  /// [P · G][tokens] log π as sampled, and of the reference where it is read; nats. Empty unless
  /// the member has a critic, as are the two below.
  std::vector<std::vector<float>> logp{}, ref_logp{};
  /// [P · G][tokens + 1] what the critic expects before each token, and behind the last one.
  std::vector<std::vector<float>> values{};
  std::vector<char> ended{};  // [P · G] 1: the answer came to its end; 0: it was cut
  Carried carried{};          ///< from the batch before
};

/// Throws Error when a scored reward is not finite, and stops on sizes that disagree.
void checked(const GroupRewards& groups);

/// What a reward is compared with. Where all rewards of it are equal, nothing is learnt.
enum class Against {
  Group,   ///< the other answers to its prompt
  Batch,   ///< all answers of the batch
  Greedy,  ///< the greedy answer to its prompt
  Critic   ///< a learned value at every token; no signal where the values are right
};

/// What the answers of a batch are worth above what was expected.
struct Credit {
  std::vector<double> answer;  // [P · G] advantages
  /// [P · G][tokens] of single tokens; empty: each has its answer's.
  std::vector<std::vector<float>> token{};
  std::vector<std::vector<float>> value_target{};  // [P · G][tokens] what the critic learns
  std::vector<Metric> metrics{};                   ///< of the batch
  Carried carried{};                               ///< to the next batch
};

class PolicyLoss {
 public:
  virtual ~PolicyLoss() = default;
  virtual Credit credit(const GroupRewards& groups) const = 0;
  /// [P · G]
  std::vector<double> advantages(const GroupRewards& groups) const { return credit(groups).answer; }
  virtual Terms terms(const Tokens& tokens) const = 0;
  /// True when the reference's log-probs are read with these options.
  virtual bool needs_reference() const = 0;
  virtual bool needs_entropy() const = 0;
};

struct Policy {
  std::string_view summary;
  int64_t group_at_least = 1;
  int64_t num_generations = 8;  ///< answers a prompt, unless the run says otherwise
  Against against = Against::Group;
  double learning_rate = 1e-6;                     ///< unless the run says otherwise
  int64_t num_iterations = 1;                      ///< likewise
  bool filter_groups = false;                      ///< likewise
  int64_t overlong_buffer_len = 0;                 ///< likewise
  std::function<std::shared_ptr<void>()> options;  // shared: the binding and the loss hold it
  std::function<config::Schema()> schema;
  std::function<std::unique_ptr<PolicyLoss>(const std::shared_ptr<void>& options)> make;

  /// A model of values is trained beside the policy.
  bool has_critic() const { return against == Against::Critic; }
};
struct NamedPolicy {
  std::string_view name;
  const Policy* member;
};
std::span<const NamedPolicy> policy_catalogue();

/// What a member declares beside its functions; null: never.
template <class Options>
struct PolicyNeeds {
  std::string_view summary;
  int64_t group_at_least = 1;
  int64_t num_generations = 8;
  Against against = Against::Group;
  double learning_rate = 1e-6;
  int64_t num_iterations = 1;
  bool (*reference)(const Options&) = nullptr;
  bool (*entropy)(const Options&) = nullptr;
};

template <class Options>
class PolicyWith : public PolicyLoss {
 public:
  using Loss = Terms (*)(const Tokens&, const Options&);
  using Estimate = std::function<Credit(const GroupRewards&, const Options&)>;
  PolicyWith(Loss loss, Estimate estimate, const PolicyNeeds<Options>& needs,
             std::shared_ptr<const Options> options)
      : loss_(loss), estimate_(std::move(estimate)), needs_(needs), options_(std::move(options)) {}
  Credit credit(const GroupRewards& groups) const override {
    checked(groups);
    return estimate_(groups, *options_);
  }
  Terms terms(const Tokens& tokens) const override { return loss_(tokens, *options_); }
  bool needs_reference() const override { return needs_.reference && needs_.reference(*options_); }
  bool needs_entropy() const override { return needs_.entropy && needs_.entropy(*options_); }

 private:
  Loss loss_;
  Estimate estimate_;
  PolicyNeeds<Options> needs_;
  std::shared_ptr<const Options> options_;  // shared with the binding that filled it
};

/// A member from its own functions, which say what single tokens are worth.
template <class Options>
Policy policy(typename PolicyWith<Options>::Loss loss,
              typename PolicyWith<Options>::Estimate estimate,
              void (*describe)(config::Fields<Options>&), const PolicyNeeds<Options>& needs) {
  return {.summary = needs.summary,
          .group_at_least = needs.group_at_least,
          .num_generations = needs.num_generations,
          .against = needs.against,
          .learning_rate = needs.learning_rate,
          .num_iterations = needs.num_iterations,
          .filter_groups = false,
          .overlong_buffer_len = 0,
          .options = [] { return std::make_shared<Options>(); },
          .schema = [describe] { return config::schema_of<Options>(describe); },
          .make =
              [=](const std::shared_ptr<void>& options) {
                return std::make_unique<PolicyWith<Options>>(
                    loss, estimate, needs, std::static_pointer_cast<const Options>(options));
              }};
}

/// A member from its own functions; its advantages are those of whole answers:
/// `extern const Policy entry = policy<Options>(loss, advantages, describe, {.summary = "…"});`
template <class Options>
Policy policy(typename PolicyWith<Options>::Loss loss,
              std::vector<double> (*advantages)(const GroupRewards&, const Options&),
              void (*describe)(config::Fields<Options>&), const PolicyNeeds<Options>& needs) {
  return policy<Options>(
      loss,
      [advantages](const GroupRewards& groups, const Options& options) {
        return Credit{.answer = advantages(groups, options)};
      },
      describe, needs);
}

}  // namespace temper::algo
