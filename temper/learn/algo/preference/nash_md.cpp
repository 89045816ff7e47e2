// Nash-MD: Munos et al. 2023 (arXiv 2312.00886), section 7, with the options and defaults of the
// NashMDTrainer of TRL 0.29, the last that had one. The policy's answer y plays against one of the
// mixture, whose logits are (1 - c) · policy + c · reference. One term an answer:
//
//   L = β Σ_t sg(x_t) log π(y_t) - (P - ½) log π(y|x),    x_t = log π(y_t) - log π_ref(y_t), in
//   nats
//
// P = P(y is preferred to the mixture's answer); sg stops the gradient, so L's value says nothing,
// and only its slopes do: a REINFORCE step on P with baseline ½, and one against the drift x_t.
#include "temper/learn/algo/online.h"
namespace temper::algo::nash_md {
struct Options {
  double beta = 0.1, mixture_coef = 0.5;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "price of a nat away from the reference").at_least(0);
  f.add("mixture_coef", &Options::mixture_coef,
        "the reference's share in the logits of the opponent; 0: the policy itself, 1: the "
        "reference")
      .within(0, 1);
}

PairTerms loss(const Pairs& p, const Options& o) {
  const at::Tensor score = (p.win - 0.5) * p.chosen.logp;       // [P]
  const at::Tensor margin = p.chosen.logp - p.chosen.ref_logp;  // [P] Σ x_t
  PairTerms terms;
  terms.pair = o.beta * p.chosen.drift - score;
  terms.metrics = {metric("loss/score", score),
                   metric("loss/kl", margin),
                   metric("rewards/probabilities", p.win),
                   metric("rewards/margins", margin),
                   metric("rewards/accuracies", margin > 0),
                   metric("logps/chosen", p.chosen.logp),
                   metric("logps/rejected", p.chosen.ref_logp),
                   metric("objective/entropy", -p.chosen.logp)};
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "win against a mixture of policy and reference (arXiv 2312.00886)",
     .reference = true,
     .learning_rate = 5e-7,
     .drift = true,
     .pairing = Pairing::OwnAndMixture,
     .mixture = [](const Options& o) { return o.mixture_coef; }});
}  // namespace temper::algo::nash_md
