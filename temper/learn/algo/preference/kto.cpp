// KTO: Ethayarajh et al. 2024 (arXiv 2402.01306), eqs. 7 and 8, with the options and defaults of
// TRL 1.16's KTOTrainer. Rows are single answers, each desirable or not. One term an answer:
//
//   desirable:    w_d (1 - σ(β (s - z)))          s = log π(y|x) - log π_ref(y|x), in nats
//   undesirable:  w_u (1 - σ(β (z - s)))          z = max(0, mean of s over mismatched answers)
//
// z estimates KL(π ‖ π_ref) by the batch's answers behind each other's prompts; no gradient goes
// through it. loss_type apo_zero_unpaired (D'Oosterlinck et al. 2024, arXiv 2408.06266, eq. 7
// without its pairs) has z = 0. Departure: the batch of z is the optimizer batch, TRL's a device's
// micro-batch; a batch of one answer has z = 0, in TRL its own s.
#include <fmt/format.h>

#include "temper/learn/algo/preference.h"
namespace temper::algo::kto {
struct Options {
  double beta = 0.1;
  std::string loss_type = "kto";
  double desirable_weight = 1, undesirable_weight = 1;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "pull towards the reference, 1/nats; larger stays nearer").above(0);
  f.add("loss_type", &Options::loss_type, "function of an answer")
      .choices({"kto", "apo_zero_unpaired"});
  f.add("desirable_weight", &Options::desirable_weight, "of answers whose label is true").above(0);
  f.add("undesirable_weight", &Options::undesirable_weight, "of answers whose label is false")
      .above(0);
}

/// Eq. 8: desirable answers weigh 1 to 4/3 times what undesirable ones do.
std::string advice(int64_t chosen, int64_t rejected, const Options& o) {
  if (chosen == 0 || rejected == 0) return "";
  const double equal = static_cast<double>(rejected) * o.undesirable_weight /
                       static_cast<double>(chosen);  // the desirable_weight at which both are even
  if (o.desirable_weight >= 0.995 * equal && o.desirable_weight <= 1.005 * 4 / 3 * equal) return "";
  auto range = [](double from) { return fmt::format("{:.2f} to {:.2f}", from, from * 4 / 3); };
  return "all desirable answers together should weigh 1 to 4/3 times the undesirable ones: "
         "--desirable_weight " +
         range(equal) + ", or --undesirable_weight " +
         range(o.undesirable_weight * o.desirable_weight / equal * 3 / 4);
}

PairTerms loss(const Pairs& p, const Options& o) {
  const Both gain{p.chosen.logp - p.chosen.ref_logp, p.rejected.logp - p.rejected.ref_logp};
  const bool shifted = o.loss_type == "kto";
  const double z = shifted && !(p.means.mismatched < 0) ? p.means.mismatched : 0;  // NaN shows
  PairTerms terms;
  terms.desirable = o.desirable_weight * (1 - at::sigmoid(o.beta * (gain.chosen - z)));
  terms.undesirable = o.undesirable_weight * (1 - at::sigmoid(o.beta * (z - gain.rejected)));
  terms.metrics = answer_metrics({o.beta * gain.chosen, o.beta * gain.rejected},
                                 {p.chosen.logp, p.rejected.logp});
  if (shifted) terms.metrics.push_back({.name = "kl", .values = {z}});
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "learn from answers labelled good or bad, without pairs (arXiv 2402.01306)",
     .reference = true,
     .unpaired = true,
     .mismatched = [](const Options& o) { return o.loss_type == "kto"; },
     .advice = advice});
}  // namespace temper::algo::kto
