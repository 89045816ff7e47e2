// ReMax: Li et al. 2023 (arXiv 2310.10505), algorithm 1. The plain policy gradient with the reward
// of the prompt's greedy answer as baseline:
//
//   A_i = r_i - r(greedy answer)
//   L_it = -A_i log π
//
// The loop divides by answers (seq-mean-token-sum, the paper's) or by tokens (token-mean). There is
// no ratio: one update a batch. A prompt whose greedy answer was not scored teaches nothing.
#include "temper/foundation/error/error.h"
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::remax {
struct Options {
  std::string loss_agg_mode = "seq-mean-token-sum";
};
void describe(config::Fields<Options>& f) {
  f.add("loss_agg_mode", &Options::loss_agg_mode, "what the terms are divided by")
      .choices({"seq-mean-token-sum", "token-mean"});
}

std::vector<double> advantages(const GroupRewards& g, const Options&) {
  ASSERT(static_cast<int64_t>(g.greedy.size()) == g.prompts, "the loop gives greedy rewards");
  std::vector<double> all(g.rewards.size(), 0.0);
  for (size_t i = 0; i < all.size(); ++i) {
    const size_t prompt = i / static_cast<size_t>(g.samples);
    if (g.scored[i] && g.greedy_scored[prompt]) all[i] = g.rewards[i] - g.greedy[prompt];
  }
  return all;
}

Terms loss(const Tokens& t, const Options& o) {
  return plain_gradient(t, o.loss_agg_mode);
}

extern const Policy entry =
    policy<Options>(loss, advantages, describe,
                    {.summary = "each answer against the greedy one (arXiv 2310.10505)",
                     .num_generations = 1,
                     .against = Against::Greedy});
}  // namespace temper::algo::remax
