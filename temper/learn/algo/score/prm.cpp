// Process reward model: Lightman et al. 2023 (arXiv 2305.20050), and Uesato et al. 2022 (arXiv
// 2211.14275) for outcomes. One term a labelled step, from the two scores z at its last token:
//
//   L = -log softmax(z)_y        y = 1: the step is right
//
// The loop averages over the labelled steps of the whole optimizer batch. Two scores and not one,
// as the token classification of transformers and of TRL's PRMTrainer has it: σ(z_1 - z_0) is the
// probability that the step is right. Departure: TRL divides within a micro-batch.
#include "temper/learn/algo/score.h"
namespace temper::algo::prm {
struct Options {};
void describe(config::Fields<Options>&) {}

ScoreTerms loss(const Scores& s, const Options&) {
  const at::Tensor logp = at::log_softmax(s.value, 1);                    // [N, 2]
  const at::Tensor value = -at::gather(logp, 1, s.right).reshape({-1});   // [N]
  const at::Tensor said = (s.value.select(1, 1) > s.value.select(1, 0));  // [N]
  const at::Tensor right = s.right.reshape({-1}) > 0;                     // [N]
  return {.value = value,
          .metrics = {metric("accuracy", said == right),
                      metric("step_reward", at::exp(logp.select(1, 1)))}};
}

extern const Score entry = score<Options>(
    loss, describe, "tell right steps of a solution from wrong ones (arXiv 2305.20050)");
}  // namespace temper::algo::prm
