// SFT: supervised fine-tuning by maximum likelihood (Ouyang et al. 2022, arXiv 2203.02155, step 1).
// One term per trained token:
//
//   L_t = -log π(y_t | x, y_<t)
//
// The loop averages over the trained tokens of the whole optimizer batch (unit Token), as TRL 1.16.
#include "temper/learn/algo/supervised.h"
namespace temper::algo::sft {
struct Options {
  std::string loss_type = "nll";
};
void describe(config::Fields<Options>& f) {
  f.add("loss_type", &Options::loss_type, "nll: the mean of -log π over the trained tokens")
      .choices({"nll"});
}

Terms loss(const Tokens& t, const Options&) {
  return {.value = -t.logp, .per = Per::Token, .metrics = {}};
}

extern const Supervised entry = supervised<Options>(
    loss, describe, {.summary = "learn given answers by maximum likelihood (arXiv 2203.02155)"});
}  // namespace temper::algo::sft
