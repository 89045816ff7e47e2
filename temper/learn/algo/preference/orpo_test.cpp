#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

/// Mean log-probs -1 and -1.2, an NLL of 1 over prompt and chosen answer.
PairSums worked() {
  return {.chosen = {.logp = -4, .whole = -6},
          .rejected = {.logp = -6},
          .chosen_tokens = 4,
          .rejected_tokens = 5,
          .whole_tokens = 6};
}

TEST(Orpo, WorkedNumbersStandOnThePage) {
  const PairSums pair = worked();
  const PairSlopes step = slopes(*preference_member("orpo"), {&pair, 1}, counted({&pair, 1}));
  conformance::expect_page("orpo", {{"log_odds", mean_of(step.metrics, "log_odds_chosen")},
                                    {"odds_loss", -mean_of(step.metrics, "log_odds_ratio")},
                                    {"loss", step.loss}});
}

TEST(Orpo, CertainAnswersAreFiniteInTheirSlopes) {
  PairSums pair = worked();
  pair.chosen.logp = -1e-9;
  const PairSlopes step = slopes(*preference_member("orpo"), {&pair, 1}, counted({&pair, 1}));
  EXPECT_TRUE(std::isfinite(step.loss));
  EXPECT_TRUE(std::isfinite(step.slopes[0].chosen.logp));
}

}  // namespace
}  // namespace temper::algo
