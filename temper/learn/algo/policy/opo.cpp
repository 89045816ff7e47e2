// OPO: Hao et al. 2025 (arXiv 2505.23585). The plain policy gradient, strictly on policy, with the
// baseline of least variance when an answer's squared gradient grows with its length |y|:
//
//   A_i = r_i - Σ_j |y_j| r_j / Σ_j |y_j|, over the group's scored answers
//   L_it = -A_i log π
//
// The loop divides by tokens, as verl 0.9.1 does. There is no ratio: one update a batch.
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::opo {
struct Options {};
void describe(config::Fields<Options>&) {}

std::vector<double> advantages(const GroupRewards& g, const Options&) {
  return centred(g, scored_tokens(g));
}

Terms loss(const Tokens& t, const Options&) {
  return {.value = weighted_score(t, t.advantage), .per = Per::Token, .constant = 1, .metrics = {}};
}

extern const Policy entry =
    policy<Options>(loss, advantages, describe,
                    {.summary = "the baseline of least variance, by length (arXiv 2505.23585)",
                     .group_at_least = 2});
}  // namespace temper::algo::opo
