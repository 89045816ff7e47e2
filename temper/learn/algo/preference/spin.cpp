// SPIN, self-play fine-tuning: Chen et al. 2024 (arXiv 2401.01335), eq. 4.7 with the logistic loss.
// The chosen answer is the row's; the rejected one is written by the policy as it was when the
// iteration began, θ_t, which is the reference too. One term a pair:
//
//   L = -log σ(β (s_c - s_r)),    s = log π(y|x) - log π_θt(y|x), in nats
//
// β is the paper's λ. It is the loss of dpo; what differs is where pairs come from.
#include "temper/learn/algo/online.h"
namespace temper::algo::spin {
struct Options {
  double beta = 0.1;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "the paper's λ: pull towards the opponent, 1/nats").above(0);
}

PairTerms loss(const Pairs& p, const Options& o) {
  PairTerms terms;
  terms.pair = online_loss(p, {.beta = o.beta});
  terms.metrics = online_metrics(p, o.beta);
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "prefer the rows' answers to one's own of before (arXiv 2401.01335)",
     .reference = true,
     .learning_rate = 5e-7,
     .pairing = Pairing::RowAndPast});
}  // namespace temper::algo::spin
