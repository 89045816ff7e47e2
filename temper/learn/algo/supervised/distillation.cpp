// Knowledge distillation of a language model: Hinton et al. 2015 (arXiv 1503.02531), on the
// student's own answers Agarwal et al. 2023 (GKD, arXiv 2306.13649). One term per token:
//
//   L_t = D_β(student(· | x, y_<t), teacher(· | x, y_<t))
//
//   β = 0 KL(T ‖ S), β = 1 KL(S ‖ T), between them β KL(T ‖ M) + (1-β) KL(S ‖ M), M = (1-β) S + β T
//
// The head computes D over the whole vocabulary (engine/kernel/divergence.h); the loop averages
// over the tokens of the optimizer batch, as TRL 1.16's DistillationTrainer.
#include "temper/learn/algo/supervised.h"
namespace temper::algo::distillation {
struct Options {
  double beta = 1;
};
void describe(config::Fields<Options>& f) {
  f.add("beta", &Options::beta,
        "which divergence: 0 = KL(teacher ‖ student), 1 = KL(student ‖ teacher), 0.5 = "
        "Jensen-Shannon")
      .within(0, 1);
}

Terms loss(const Tokens& t, const Options&) {
  return {.value = t.divergence, .per = Per::Token, .metrics = {}};
}

extern const Supervised entry = supervised<Options>(
    loss, describe,
    {.summary = "follow a teacher's distribution, token by token (arXiv 2306.13649)",
     .divergence = [](const Options& o) { return o.beta; }});
}  // namespace temper::algo::distillation
