// ORPO: Hong et al. 2024 (arXiv 2403.07691), eqs. 4, 6 and 7, with the options and defaults of TRL
// 1.16's ORPOTrainer. No reference. With ℓ = mean log π of an answer's tokens:
//
//   L = NLL(prompt and chosen) - β log σ(o),    o = (ℓ_c - ℓ_r) - (log(1-e^ℓ_c) - log(1-e^ℓ_r))
//
// The NLL is the mean over all tokens of prompt and chosen answer in the optimizer batch.
// Departures: pairs become tokens as for dpo; TRL divides the NLL by a micro-batch's tokens.
#include <numbers>

#include "temper/learn/algo/preference.h"
namespace temper::algo::orpo {
struct Options {
  double beta = 0.1;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "weight of the odds ratio (the paper's λ)").at_least(0);
}

/// log(1 - e^x), x < 0, without cancellation: in two branches that meet at -ln 2 (Mächler 2012).
at::Tensor log1mexp(const at::Tensor& x) {
  const at::Tensor small = x > -std::numbers::ln2;
  const at::Tensor near = at::where(small, x, at::full_like(x, -1));  // no NaN in unused slopes
  const at::Tensor far = at::where(small, at::full_like(x, -1), x);
  return at::where(small, at::log(-at::expm1(near)), at::log1p(-at::exp(far)));
}

PairTerms loss(const Pairs& p, const Options& o) {
  const at::Tensor chosen = p.chosen.logp / p.chosen.tokens;        // [P]
  const at::Tensor rejected = p.rejected.logp / p.rejected.tokens;  // [P]
  const at::Tensor odds = (chosen - rejected) - (log1mexp(chosen) - log1mexp(rejected));
  const at::Tensor gain = at::log_sigmoid(odds);
  PairTerms terms{
      .pair = -o.beta * gain,
      .chosen = {},
      .whole = -p.chosen.whole,
      .metrics = pair_metrics({o.beta * chosen, o.beta * rejected}, {chosen, rejected})};
  terms.metrics.push_back(metric("log_odds_ratio", gain));
  terms.metrics.push_back(metric("log_odds_chosen", odds));
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "learn the chosen answers and push the odds against the rejected ones "
                "(arXiv 2403.07691)",
     .prompt = true});
}  // namespace temper::algo::orpo
