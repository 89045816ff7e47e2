// The policy-gradient terms that members of policy/ put together: ratios, clipping, stopped
// weights. For sources of learn/algo.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "temper/learn/algo/leaves.h"

namespace temper::algo {

/// What one ratio π / π_old belongs to.
enum class Level {
  Token,
  AnswerMean,  ///< an answer's geometric mean over its tokens (GSPO)
  AnswerSum    ///< an answer's product over its tokens
};

/// [N] from [answers]: each token gets the value of its answer.
at::Tensor of_answer(const at::Tensor& values, const Tokens& tokens);

/// [N] ρ, the same for all tokens of an answer unless the level is Token.
at::Tensor importance(const Tokens& tokens, Level level);

struct Bounds {
  double low = 0.8, high = 1.2;  ///< ρ is held between them where that costs
  std::optional<double> most{};  ///< ρ never counts as more, whatever the advantage's sign
};
/// [N] -min(min(ρ, most) A, clip(ρ, low, high) A): Schulman et al. 2017 (arXiv 1707.06347), eq. 7;
/// `most` is the dual clip of Ye et al. 2020 (arXiv 1912.09729).
at::Tensor clipped(const at::Tensor& rho, const Tokens& tokens, const Bounds& bounds);
/// TRL's clip_ratio/…: the share of tokens, or of answers, whose ρ is out of bounds in the
/// direction of the advantage.
std::vector<Metric> clip_metrics(const at::Tensor& rho, const Tokens& tokens, const Bounds& bounds,
                                 Level level);
/// A share of tokens, or of answers.
Metric share(const char* name, const at::Tensor& flags, const Tokens& tokens, Level level);

/// [N] -w log π with w held fixed: its gradient is -w ∇log π. A token of probability 0 costs a
/// finite amount and has no gradient.
at::Tensor weighted_score(const Tokens& tokens, const at::Tensor& weight);
/// The policy gradient itself, -A log π, over tokens (loss_agg_mode token-mean) or over answers
/// (seq-mean-token-sum).
Terms plain_gradient(const Tokens& tokens, const std::string& loss_agg_mode);

}  // namespace temper::algo
