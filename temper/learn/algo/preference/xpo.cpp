// XPO, exploratory preference optimisation: Xie et al. 2024 (arXiv 2405.21046), algorithm 1, with
// the options and defaults of the XPOTrainer of TRL 0.29, the last that had one. One answer is the
// policy's, the other, y', the reference's; the better of the two is chosen. One term a pair:
//
//   L = -log σ(β (s_c - s_r)) + α log π(y'|x),    s = log π(y|x) - log π_ref(y|x), in nats
//
// The second term takes probability from what the reference would say, and so gives it to answers
// that it never gives. loss_type ipo as in online_dpo. Departure: a pair of equal scores is left
// out, TRL takes the policy's answer for the better one.
#include "temper/learn/algo/online.h"
namespace temper::algo::xpo {
struct Options {
  OnlineLoss pair;
  double alpha = 1e-5;
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::pair, algo::describe);
  f.add("alpha", &Options::alpha, "weight of the exploration term; 0 leaves it out").at_least(0);
}

PairTerms loss(const Pairs& p, const Options& o) {
  const at::Tensor other = at::where(p.win > 0.5, p.rejected.logp, p.chosen.logp);  // [P] log π(y')
  const at::Tensor preference = online_loss(p, o.pair), exploration = o.alpha * other;
  PairTerms terms;
  terms.pair = preference + exploration;
  terms.metrics = online_metrics(p, o.pair.beta);
  terms.metrics.push_back(metric("loss/dpo", preference));
  terms.metrics.push_back(metric("loss/xpo", exploration));
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "online DPO that leaves what the reference would say (arXiv 2405.21046)",
     .reference = true,
     .learning_rate = 5e-7,
     .pairing = Pairing::OwnAndReference});
}  // namespace temper::algo::xpo
