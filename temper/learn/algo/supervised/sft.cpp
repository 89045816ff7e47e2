// SFT: supervised fine-tuning by maximum likelihood (Ouyang et al. 2022, arXiv 2203.02155, step 1).
// One term per trained token:
//
//   nll   L_t = -log π(y_t | x, y_<t)
//   dft   L_t = -sg(π) log π            Wu et al. 2025 (arXiv 2508.05629), eq. 9
//
// with sg(·) held fixed. Label smoothing (Szegedy et al. 2016, arXiv 1512.00567, section 7, as
// transformers' LabelSmoother) gives each token of the vocabulary V a share of the target:
//
//   nll   L_t = -(1-ε) log π(y_t | x, y_<t) - ε Σ_v log π(v | x, y_<t) / V
//
// The loop averages over the trained tokens of the whole optimizer batch
// (unit Token), as TRL 1.16.
#include "temper/learn/algo/supervised.h"

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::sft {
struct Options {
  std::string loss_type = "nll";
  double label_smoothing_factor = 0;
};
void describe(config::Fields<Options>& f) {
  f.add("loss_type", &Options::loss_type,
        "nll: -log π of each trained token; dft: that times π, held fixed")
      .choices({"nll", "dft"});
  f.add("label_smoothing_factor", &Options::label_smoothing_factor,
        "share of a token's target that all tokens of the vocabulary get in equal parts")
      .within(0, 1);
}

bool smooths(const Options& o) {
  if (o.label_smoothing_factor > 0 && o.loss_type == "dft") {
    throw Error(
        {"label_smoothing_factor is not part of loss_type dft", "sft", "leave one of them out"});
  }
  return o.label_smoothing_factor > 0;
}

Terms loss(const Tokens& t, const Options& o) {
  if (smooths(o)) {
    const double share = o.label_smoothing_factor;
    return {.value = -(1 - share) * t.logp - share * t.mean_logp, .per = Per::Token, .metrics = {}};
  }
  return {.value = o.loss_type == "dft" ? weighted_score(t, ratio(t.logp.detach())) : -t.logp,
          .per = Per::Token,
          .metrics = {}};
}

extern const Supervised entry =
    supervised<Options>(loss, describe,
                        {.summary = "learn given answers by maximum likelihood (arXiv 2203.02155)",
                         .mean_logp = smooths});
}  // namespace temper::algo::sft
