// Online DPO: Guo et al. 2024 (arXiv 2402.04792), algorithm 1, with the options and defaults of
// TRL 1.16's OnlineDPOTrainer. Both answers are the policy's own of this step; the better one is
// chosen. One term a pair:
//
//   L = -log σ(β (s_c - s_r)),    s = log π(y|x) - log π_ref(y|x), in nats; c chosen, r rejected
//
// or (s_c - s_r - 1/(2β))² with loss_type ipo (Azar et al. 2023, arXiv 2310.12036, eq. 17), over
// sums. The answers are sampled at another temperature than these log-probs have, as in TRL.
// Departure: a pair of equal scores is no preference and is left out; TRL takes its first answer
// for the better one.
#include "temper/learn/algo/online.h"
namespace temper::algo::online_dpo {

PairTerms loss(const Pairs& p, const OnlineLoss& o) {
  PairTerms terms;
  terms.pair = online_loss(p, o);
  terms.metrics = online_metrics(p, o.beta);
  return terms;
}

extern const Preference entry = preference<OnlineLoss>(
    loss, describe,
    {.summary = "prefer the better of two answers of one's own (arXiv 2402.04792)",
     .reference = true,
     .learning_rate = 5e-7,
     .pairing = Pairing::TwoOwn});
}  // namespace temper::algo::online_dpo
