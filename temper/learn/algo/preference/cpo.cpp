// CPO: Xu et al. 2024 (arXiv 2401.08417), eq. 3 and the NLL beside it, with the options and
// defaults of TRL 1.16's CPOTrainer. No reference. One term a pair, and one a chosen token:
//
//   L = -(1-ε) log σ(β d) - ε log σ(-β d)  + cpo_alpha · NLL(chosen),    d = v_c - v_r
//
// v = log π(y|x), summed; with loss_type simpo (Meng et al. 2024, arXiv 2405.14734, eq. 6) and ipo
// it is the mean over the answer's tokens, and simpo takes β d - γ. AlphaPO (arXiv 2501.03884):
// alpha ≠ 0 puts (1 - e^(-α v)) / α in the place of v.
// Departures: pairs become tokens as for dpo; label_smoothing with hinge or ipo, which do not use
// it, is refused, where TRL warns. SimPO of the paper is loss_type simpo with cpo_alpha 0.
#include "temper/foundation/error/error.h"
#include "temper/learn/algo/preference.h"
namespace temper::algo::cpo {
struct Options {
  double beta = 0.1, label_smoothing = 0, cpo_alpha = 1, simpo_gamma = 0.5, alpha = 0;
  std::string loss_type = "sigmoid";
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "how steeply a pair's margin counts, 1/nats").above(0);
  f.add("loss_type", &Options::loss_type, "function of the pair")
      .choices({"sigmoid", "hinge", "ipo", "simpo"});
  f.add("label_smoothing", &Options::label_smoothing, "share of pairs that may be the wrong way")
      .at_least(0)
      .below(0.5);
  f.add("cpo_alpha", &Options::cpo_alpha, "weight of the chosen answers' NLL; 0 for SimPO")
      .at_least(0);
  f.add("simpo_gamma", &Options::simpo_gamma, "simpo: the margin that is asked for").at_least(0);
  f.add("alpha", &Options::alpha, "bends the reward (AlphaPO); 0: log-probs as they are");
}

void check(const Options& o) {
  if (o.label_smoothing > 0 && (o.loss_type == "hinge" || o.loss_type == "ipo")) {
    throw Error({"label_smoothing is not part of loss_type " + o.loss_type, "cpo",
                 "leave it out, or use loss_type sigmoid or simpo"});
  }
}

at::Tensor logp(const Side& side, const Options& o) {
  const bool mean = o.loss_type == "simpo" || o.loss_type == "ipo";
  return mean ? side.logp / side.tokens : side.logp;
}

at::Tensor value(const at::Tensor& logp, const Options& o) {
  return o.alpha == 0 ? logp : (1 - at::exp(-o.alpha * logp)) / o.alpha;
}

PairTerms loss(const Pairs& p, const Options& o) {
  const Both logps{logp(p.chosen, o), logp(p.rejected, o)};
  const at::Tensor chosen = value(logps.chosen, o), rejected = value(logps.rejected, o);  // [P]
  const at::Tensor d = chosen - rejected;
  PairTerms terms;
  if (o.loss_type == "hinge") {
    terms.pair = at::clamp_min(1 - o.beta * d, 0);
  } else if (o.loss_type == "ipo") {
    terms.pair = at::pow(d - 1 / (2 * o.beta), 2);
  } else {
    const at::Tensor z = o.beta * d - (o.loss_type == "simpo" ? o.simpo_gamma : 0);
    terms.pair =
        -(1 - o.label_smoothing) * at::log_sigmoid(z) - o.label_smoothing * at::log_sigmoid(-z);
  }
  if (o.cpo_alpha > 0) terms.chosen = -o.cpo_alpha * p.chosen.logp;
  terms.metrics = pair_metrics({o.beta * chosen, o.beta * rejected}, logps);
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "prefer without a reference, and learn the chosen answers (arXiv 2401.08417)",
     .check = check});
}  // namespace temper::algo::cpo
