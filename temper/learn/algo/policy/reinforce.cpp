// REINFORCE: Williams 1992 (Machine Learning 8, 229-256), whose update is Δw = α (r - b) ∇ln π. One
// term per token t of answer i:
//
//   L_it = -A_i log π,  A_i = r_i - b
//   b = mean r of the batch (batch), of the prompt's answers (group), or 0 (none)
//
// Summed over an answer's tokens this is -A_i log π(y_i | x). The loop divides by tokens
// (token-mean) or by answers (seq-mean-token-sum, the gradient of E[r] itself); the names are
// verl's (its policy loss `reinforce`). There is no ratio: one update a batch.
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::reinforce {
struct Options {
  std::string baseline = "batch", loss_agg_mode = "seq-mean-token-sum";
};
void describe(config::Fields<Options>& f) {
  f.add("baseline", &Options::baseline, "whose mean reward is subtracted")
      .choices({"batch", "group", "none"});
  f.add("loss_agg_mode", &Options::loss_agg_mode, "what the terms are divided by")
      .choices({"seq-mean-token-sum", "token-mean"});
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  const std::vector<double> counted = scored_answers(g);
  if (o.baseline == "group") return centred(g, counted);
  const double mean = o.baseline == "batch" ? spread(g.rewards, counted).mean : 0;
  std::vector<double> all(g.rewards.size(), 0.0);
  for (size_t i = 0; i < all.size(); ++i) {
    if (g.scored[i]) all[i] = g.rewards[i] - mean;
  }
  return all;
}

Terms loss(const Tokens& t, const Options& o) {
  return plain_gradient(t, o.loss_agg_mode);
}

extern const Policy entry =
    policy<Options>(loss, advantages, describe,
                    {.summary = "the plain policy gradient with a baseline (Williams 1992)",
                     .against = Against::Batch});
}  // namespace temper::algo::reinforce
