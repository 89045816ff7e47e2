// SFT: supervised fine-tuning by maximum likelihood (Ouyang et al. 2022, arXiv 2203.02155, step 1).
// One term per trained token:
//
//   nll   L_t = -log π(y_t | x, y_<t)
//   dft   L_t = -sg(π) log π            Wu et al. 2025 (arXiv 2508.05629), eq. 9
//
// with sg(·) held fixed. The loop averages over the trained tokens of the whole optimizer batch
// (unit Token), as TRL 1.16.
#include "temper/learn/algo/supervised.h"

#include "temper/learn/algo/surrogate.h"
namespace temper::algo::sft {
struct Options {
  std::string loss_type = "nll";
};
void describe(config::Fields<Options>& f) {
  f.add("loss_type", &Options::loss_type,
        "nll: -log π of each trained token; dft: that times π, held fixed")
      .choices({"nll", "dft"});
}

Terms loss(const Tokens& t, const Options& o) {
  return {.value = o.loss_type == "dft" ? weighted_score(t, ratio(t.logp.detach())) : -t.logp,
          .per = Per::Token,
          .metrics = {}};
}

extern const Supervised entry = supervised<Options>(
    loss, describe, {.summary = "learn given answers by maximum likelihood (arXiv 2203.02155)"});
}  // namespace temper::algo::sft
