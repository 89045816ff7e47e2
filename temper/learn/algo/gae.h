// Generalised advantage estimation: Schulman et al. 2016 (arXiv 1506.02438), eqs. 11 to 16. With
// the reward r_t of a token and the value V_t of the text before it,
//
//   δ_t = r_t + γ V_(t+1) - V_t     A_t = δ_t + γ λ A_(t+1)     R_t = A_t + V_t
//
// λ = 1 trusts the rewards, λ = 0 the values. R is what the values should have been.
#pragma once

#include <span>
#include <vector>

namespace temper::algo {

struct Discount {
  double gamma = 1, lam = 0.95;
};

/// Of the tokens of one answer.
struct TokenAdvantages {
  std::vector<double> advantage, target;  // [T]
};
/// `values`: [T + 1], the last one of what comes behind the answer: 0 where nothing does.
TokenAdvantages gae(std::span<const double> rewards, std::span<const double> values,
                    const Discount& discount);

enum class Mean { Removed, Kept };
/// advantage.h's whiten() over the tokens of all answers together; where the mean is kept it is
/// added again.
void whiten_tokens(std::vector<std::vector<double>>& answers, Mean mean);

/// 1 - Var(target - value) / Var(target): 1 where the values are right, 0 where they say no more
/// than a constant would, less where they mislead. 0 where the targets are all equal.
double explained_variance(std::span<const double> targets, std::span<const double> values);

}  // namespace temper::algo
