// DPO: Rafailov et al. 2023 (arXiv 2305.18290), eq. 7, with the options and defaults of TRL 1.16.
// One term a pair:
//
//   L = -log σ(β (s_c - s_r)),    s = log π(y|x) - log π_ref(y|x), in nats; c chosen, r rejected
//
// `loss_type` puts another function of the same numbers in its place; several are added up with
// `loss_weights`. `f_divergence_type` changes s (Wang et al. 2024, arXiv 2309.16240): with the
// ratio u = e^s it is f'(u), up to a constant that the difference loses. Departures:
// label_smoothing belongs to robust, exo_pair and the aot losses, as in TRL (cDPO is not `sigmoid`
// with smoothing); the aot losses sort over the whole optimizer batch, TRL over a device's
// micro-batch; use_weighting leaves the sft term alone, TRL multiplies it by the mean weight.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/preference.h"
namespace temper::algo::dpo {
struct Options {
  double beta = 0.1;
  std::vector<std::string> loss_type = {"sigmoid"};
  std::vector<double> loss_weights;
  double label_smoothing = 0;
  std::string f_divergence_type = "reverse_kl";
  double f_alpha_divergence_coef = 0.5;
  std::optional<double> ld_alpha;
  bool use_weighting = false;
  double discopop_tau = 0.05;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta, "pull towards the reference, 1/nats; larger stays nearer").above(0);
  f.add("loss_type", &Options::loss_type, "function of the pair; several are added up")
      .choices({"sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair",
                "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft",
                "sigmoid_norm"});
  f.add("loss_weights", &Options::loss_weights, "a weight for each loss_type; none: 1");
  f.add("label_smoothing", &Options::label_smoothing,
        "robust: share of flipped pairs; exo_pair, aot: ε")
      .at_least(0)
      .below(0.5);
  f.add("f_divergence_type", &Options::f_divergence_type,
        "divergence from the reference that the loss stands for")
      .choices({"reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"});
  f.add("f_alpha_divergence_coef", &Options::f_alpha_divergence_coef, "α of alpha_divergence");
  f.add("ld_alpha", &Options::ld_alpha,
        "weight of the tokens by which one answer is longer than the other (LD-DPO); unset: 1")
      .within(0, 1);
  f.add("use_weighting", &Options::use_weighting,
        "weigh a pair by how probable the policy finds its answers (WPO)");
  f.add("discopop_tau", &Options::discopop_tau, "width of discopop's change from log to exp")
      .above(0);
}

bool has(const Options& o, std::initializer_list<std::string_view> names) {
  return std::find_first_of(o.loss_type.begin(), o.loss_type.end(), names.begin(), names.end()) !=
         o.loss_type.end();
}

void check(const Options& o) {
  if (o.loss_type.empty()) throw Error({"loss_type: wanted at least one, got none", "dpo", ""});
  if (!o.loss_weights.empty() && o.loss_weights.size() != o.loss_type.size()) {
    throw Error({"loss_weights: wanted " + std::to_string(o.loss_type.size()) +
                     ", one for each loss_type, got " + std::to_string(o.loss_weights.size()),
                 "dpo", ""});
  }
  if (has(o, {"exo_pair"}) && o.label_smoothing == 0) {
    throw Error({"loss_type exo_pair needs label_smoothing above 0", "dpo",
                 "the paper (arXiv 2402.00856) uses --label_smoothing 0.001"});
  }
  if (o.f_divergence_type != "reverse_kl" && has(o, {"nca_pair", "bco_pair", "sppo_hard", "aot",
                                                     "aot_unpaired", "apo_zero", "apo_down"})) {
    throw Error({"f_divergence_type '" + o.f_divergence_type +
                     "' goes with sigmoid, sigmoid_norm, hinge, ipo, exo_pair, robust, discopop "
                     "and sft only: the others do not cancel the partition function",
                 "dpo", "use --f_divergence_type reverse_kl"});
  }
  if (o.use_weighting && has(o, {"aot", "aot_unpaired"})) {
    throw Error({"use_weighting weighs pairs, and the aot losses take pairs apart", "dpo",
                 "leave out one of them"});
  }
}

/// log π and log π_ref of a side, the tail weighed by ld_alpha (arXiv 2409.06411).
struct Logps {
  at::Tensor own, ref;  // [P]
};
Logps logps(const Side& side, const Options& o) {
  if (!o.ld_alpha) return {side.logp, side.ref_logp};
  const double a = *o.ld_alpha;
  return {a * side.logp + (1 - a) * side.shared, a * side.ref_logp + (1 - a) * side.ref_shared};
}

/// f'(e^x) of the divergence, up to a constant; x = log π - log π_ref.
at::Tensor score(const at::Tensor& x, const Options& o) {
  if (o.f_divergence_type == "forward_kl") return 1 - at::exp(-x);
  if (o.f_divergence_type == "js_divergence") return std::numbers::ln2 + at::log_sigmoid(x);
  const double power = o.f_alpha_divergence_coef - 1;
  if (o.f_divergence_type == "alpha_divergence" && std::abs(power) >= 1e-6) {
    return (at::exp(at::clamp_max(power * x, 80)) - 1) / power;
  }
  return x;
}

/// `values` in ascending order; equal ones keep theirs.
at::Tensor sorted(const at::Tensor& values) {
  const std::vector<double> plain = metric("", values).values;
  std::vector<int64_t> order(plain.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return plain[static_cast<size_t>(a)] < plain[static_cast<size_t>(b)];
  });
  return at::index_select(values, 0, at::tensor(order, at::kLong));
}

/// What the functions of a pair see, all [P].
struct Numbers {
  Logps chosen, rejected;
  at::Tensor lr_chosen, lr_rejected;  // log π - log π_ref
  at::Tensor s_chosen, s_rejected;    // of the divergence
  at::Tensor tokens_chosen, tokens_rejected;
};

at::Tensor smoothed(const at::Tensor& z, double e) {
  return -(1 - e) * at::log_sigmoid(z) - e * at::log_sigmoid(-z);
}

at::Tensor pair_loss(const std::string& type, const Numbers& n, const Options& o) {
  const double b = o.beta, e = o.label_smoothing;
  const at::Tensor z = b * (n.s_chosen - n.s_rejected);
  const at::Tensor r_c = b * n.lr_chosen, r_r = b * n.lr_rejected;
  if (type == "sigmoid") return -at::log_sigmoid(z);
  if (type == "hinge") return at::clamp_min(1 - z, 0);  // SLiC: arXiv 2305.10425
  if (type == "ipo" || type == "sigmoid_norm") {
    const at::Tensor d = n.s_chosen / n.tokens_chosen - n.s_rejected / n.tokens_rejected;
    if (type == "sigmoid_norm") return -at::log_sigmoid(b * d);
    return at::pow(d - 1 / (2 * b), 2);  // arXiv 2310.12036, eq. 17, over means of tokens
  }
  if (type == "exo_pair") {  // arXiv 2402.00856, eq. 16, two answers
    return at::sigmoid(z) * (at::log_sigmoid(z) - std::log1p(-e)) +
           at::sigmoid(-z) * (at::log_sigmoid(-z) - std::log(e));
  }
  if (type == "nca_pair") {  // arXiv 2402.05369
    return -at::log_sigmoid(r_c) - 0.5 * at::log_sigmoid(-r_c) - 0.5 * at::log_sigmoid(-r_r);
  }
  if (type == "robust") {  // arXiv 2403.00409: unbiased when a share e of labels is flipped
    return (-(1 - e) * at::log_sigmoid(z) + e * at::log_sigmoid(-z)) / (1 - 2 * e);
  }
  if (type == "bco_pair") {  // arXiv 2404.04656, without its running shift
    return -at::log_sigmoid(r_c) - at::log_sigmoid(-r_r);
  }
  if (type == "sppo_hard") {  // arXiv 2405.00675, eq. 4.7, P = 1 and 0
    return at::pow(n.lr_chosen - 0.5 / b, 2) + at::pow(n.lr_rejected + 0.5 / b, 2);
  }
  if (type == "aot") {  // arXiv 2406.05882, paired
    return smoothed(
        b * (sorted(n.chosen.own - n.rejected.own) - sorted(n.chosen.ref - n.rejected.ref)), e);
  }
  if (type == "aot_unpaired") {
    return smoothed(b * (sorted(n.lr_chosen) - sorted(n.lr_rejected)), e);
  }
  if (type == "apo_zero") return 1 - at::sigmoid(r_c) + at::sigmoid(r_r);  // arXiv 2408.06266, 7
  if (type == "apo_down") return at::sigmoid(r_c) + 1 - at::sigmoid(r_c - r_r);  // eq. 8
  ASSERT(type == "discopop", "every loss_type has its case");
  const at::Tensor m = at::sigmoid(z / o.discopop_tau);  // arXiv 2406.08414, eq. 5
  return -(1 - m) * at::log_sigmoid(z) + m * at::exp(-z);
}

PairTerms loss(const Pairs& p, const Options& o) {
  Numbers n{.chosen = logps(p.chosen, o),
            .rejected = logps(p.rejected, o),
            .lr_chosen = {},
            .lr_rejected = {},
            .s_chosen = {},
            .s_rejected = {},
            .tokens_chosen = p.chosen.tokens,
            .tokens_rejected = p.rejected.tokens};
  n.lr_chosen = n.chosen.own - n.chosen.ref;
  n.lr_rejected = n.rejected.own - n.rejected.ref;
  n.s_chosen = score(n.lr_chosen, o);
  n.s_rejected = score(n.lr_rejected, o);
  PairTerms terms;
  for (size_t k = 0; k < o.loss_type.size(); ++k) {
    const double weight = o.loss_weights.empty() ? 1 : o.loss_weights[k];
    at::Tensor& sum = o.loss_type[k] == "sft" ? terms.chosen : terms.pair;
    const at::Tensor more =
        weight * (o.loss_type[k] == "sft" ? -p.chosen.logp : pair_loss(o.loss_type[k], n, o));
    sum = sum.defined() ? sum + more : more;
  }
  if (o.use_weighting && terms.pair.defined()) {  // arXiv 2406.11827, eq. 2
    terms.pair = terms.pair * at::exp(p.chosen.evenness + p.rejected.evenness);
  }
  terms.metrics =
      pair_metrics({o.beta * n.lr_chosen, o.beta * n.lr_rejected}, {n.chosen.own, n.rejected.own});
  return terms;
}

extern const Preference entry = preference<Options>(
    loss, describe,
    {.summary = "prefer the chosen answer to the rejected one (arXiv 2305.18290)",
     .reference = true,
     .whole_batch =
         [](const Options& o) {
           return has(o, {"aot", "aot_unpaired"});
         },
     .evenness = [](const Options& o) { return o.use_weighting; },
     .check = check});
}  // namespace temper::algo::dpo
