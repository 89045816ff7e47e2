// BCO: Jung et al. 2024 (arXiv 2404.04656), with the options and defaults of the BCOTrainer of TRL
// 1.0, the last that had one. Rows are single answers, each desirable or not. One term an answer:
//
//   desirable:    -log σ(r - δ)          r = β (log π(y|x) - log π_ref(y|x))
//   undesirable:  -log σ(δ - r)          δ = mean of r over all answers trained on so far
//
// δ counts this batch's answers too, as the policy finds them before the step; no gradient goes
// through it. Departures: the batch is the optimizer batch, TRL's a device's micro-batch; the
// matching of prompt distributions by an embedding model (UDM) is not built.
#include "temper/learn/algo/preference.h"
namespace temper::algo::bco {
struct Options {
  double beta = 0.1;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "pull towards the reference, 1/nats; larger stays nearer").above(0);
}

PairTerms loss(const Pairs& p, const Options& o) {
  const Both reward{o.beta * (p.chosen.logp - p.chosen.ref_logp),
                    o.beta * (p.rejected.logp - p.rejected.ref_logp)};
  const double delta = o.beta * p.means.running;
  PairTerms terms;
  terms.desirable = -at::log_sigmoid(reward.chosen - delta);
  terms.undesirable = -at::log_sigmoid(delta - reward.rejected);
  terms.metrics = answer_metrics(reward, {p.chosen.logp, p.rejected.logp});
  terms.metrics.push_back({.name = "delta", .values = {delta}});
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "tell good answers from bad ones against a running mean (arXiv 2404.04656)",
     .reference = true,
     .learning_rate = 5e-7,
     .unpaired = true,
     .running = true});
}  // namespace temper::algo::bco
