// What every member of this folder's families must pass, whatever its formula. For tests only;
// defined in conformance_test.cpp, which runs it over the catalogues with default options.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "temper/learn/algo/leaves.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/supervised.h"

namespace temper::algo::conformance {

using Loss = std::function<Terms(const Tokens&)>;

/// A member by name, its options read from YAML lines.
std::unique_ptr<SupervisedLoss> supervised(const std::string& name, const std::string& yaml = "");
std::unique_ptr<PolicyLoss> policy(const std::string& name, const std::string& yaml = "");

at::Tensor column(const std::vector<double>& values);  // [N] float64
/// Tokens of answers of these lengths: `answer` and `answers` set, no columns.
Tokens shaped(const std::vector<int64_t>& lengths);
/// Every column set; log-ratios up to ±0.6; an answer of one token and an empty one among seven.
Tokens sample();
/// The answers of `all` named by `answers`, in that order, as one micro-batch; `places` receives
/// where its tokens stood.
Tokens part(const Tokens& all, const std::vector<int64_t>& answers, std::vector<int64_t>* places);

struct Step {
  double loss = 0;
  double critic_loss = 0;          ///< 0 without a critic
  std::vector<double> grad;        ///< ∂loss/∂logp, [N]
  std::vector<double> value_grad;  ///< ∂critic_loss/∂value, [N]; empty without a critic
  Terms terms;
};
Denominators counted(const Tokens& tokens);
/// One micro-batch of an optimizer batch that has these denominators.
Step step(const Loss& loss, Tokens tokens, const Denominators& whole);
/// One micro-batch that is the whole optimizer batch.
Step step(const Loss& loss, const Tokens& tokens);
/// The value of a metric that the terms carry, as the loop logs it.
double folded(const Terms& terms, const std::string& metric);

/// Finite differences; invariance to packing, micro-batches and accumulation; broken numbers.
void expect_conforms(const Loss& loss);
/// The same for a loss that holds part of itself fixed, whose gradient is no difference of it.
void expect_conforms_but_for_differences(const Loss& loss);
/// `assert: name = value` lines of docs/algorithms/<member>.md (or docs/concepts/) against numbers
/// computed by shipped code: the same names, and equal to the last digit printed.
void expect_page(const std::string& member, const std::map<std::string, double>& computed);

/// The same for numbers that a peer computed: golden/<name>.json.
Json recorded(const std::string& name);
/// Options as lines of YAML.
std::string yaml(const Json& options);
/// Rows of lengths, log-probs and advantages of answers; what is not recorded is as on policy.
Tokens recorded_tokens(const Json& rows);
/// Rewards (null: not scored), with lengths and log-ratios where recorded.
GroupRewards recorded_rewards(const Json& recording, int64_t samples);
/// A recorded column of tokens as lists of these lengths, and lists as one.
std::vector<std::vector<double>> listed(const Json& column, const std::vector<size_t>& lengths);
std::vector<double> joined(const std::vector<std::vector<double>>& lists);
Loss policy_loss(const std::string& name, const std::string& yaml = "");
/// Every case's loss, gradient and metrics equal those of the member under the case's options.
void expect_recorded(const std::string& member, const Json& cases, const Tokens& tokens);
void expect_equal(const std::vector<double>& ours, const std::vector<double>& theirs,
                  double within = 1e-12);

}  // namespace temper::algo::conformance
