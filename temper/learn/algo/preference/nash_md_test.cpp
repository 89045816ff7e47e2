#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

/// The page's answer: two tokens of log-probs -1 and -0.5, under the reference -1.5 and -0.4.
PairSums answer(double win) {
  return {.chosen = {.logp = -1.5, .drift = 0.5 * -1 + -0.1 * -0.5},
          .ref_chosen = {.logp = -1.9},
          .chosen_tokens = 2,
          .win = win};
}

PairSlopes of(const PairSums& one) {
  return slopes(*preference_member("nash_md"), {&one, 1}, counted({&one, 1}));
}

TEST(NashMd, WorkedNumbersStandOnThePage) {
  const PairSlopes got = of(answer(0.8));
  const AnswerSums& slope = got.slopes[0].chosen;
  conformance::expect_page("nash_md", {{"score", mean_of(got.metrics, "loss/score")},
                                       {"kl", mean_of(got.metrics, "loss/kl")},
                                       {"drift", answer(0.8).chosen.drift},
                                       {"loss", got.loss},
                                       {"slope_first", slope.logp + 0.5 * slope.drift},
                                       {"slope_second", slope.logp - 0.1 * slope.drift}});
}

TEST(NashMd, ATieOnThePolicyItselfTeachesNothing) {
  PairSums same = answer(0.5);
  same.chosen.drift = 0;
  same.ref_chosen.logp = same.chosen.logp;
  const PairSlopes got = of(same);
  EXPECT_EQ(got.loss, 0);
  EXPECT_EQ(got.slopes[0].chosen.logp, 0);
}

TEST(NashMd, ALostDuelLowersTheAnswer) {
  EXPECT_GT(of(answer(0)).slopes[0].chosen.logp, 0);
  EXPECT_LT(of(answer(1)).slopes[0].chosen.logp, 0);
}

}  // namespace
}  // namespace temper::algo
