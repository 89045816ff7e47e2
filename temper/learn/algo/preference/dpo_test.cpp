#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

PairSlopes with(const std::string& options, const PairSums& pair) {
  return slopes(*preference_member("dpo", options), {&pair, 1}, counted({&pair, 1}));
}

std::string refusal(const std::string& options) {
  try {
    preference_member("dpo", options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Dpo, WorkedNumbersStandOnThePage) {
  const PairSlopes sigmoid = with("", worked_pair());
  PairSums same = worked_pair();
  same.chosen = same.ref_chosen;
  same.rejected = same.ref_rejected;
  conformance::expect_page(
      "dpo", {{"loss", sigmoid.loss},
              {"reward_chosen", mean_of(sigmoid.metrics, "rewards/chosen")},
              {"reward_rejected", mean_of(sigmoid.metrics, "rewards/rejected")},
              {"margin", mean_of(sigmoid.metrics, "rewards/margins")},
              {"slope_chosen", sigmoid.slopes[0].chosen.logp},
              {"slope_rejected", sigmoid.slopes[0].rejected.logp},
              {"start", with("", same).loss},
              {"hinge", with("loss_type: [hinge]", worked_pair()).loss},
              {"robust", with("{loss_type: [robust], label_smoothing: 0.1}", worked_pair()).loss},
              {"ipo", with("loss_type: [ipo]", worked_pair()).loss}});
}

TEST(Dpo, LossIsExactlyLog2WhenPolicyEqualsReference) {
  std::vector<PairSums> pairs;
  for (int i = 0; i < 8; ++i) {
    const AnswerSums chosen{.logp = -1.7 * i - 0.3}, rejected{.logp = -0.9 * i - 3.1};
    pairs.push_back({.chosen = chosen,
                     .rejected = rejected,
                     .ref_chosen = chosen,
                     .ref_rejected = rejected,
                     .chosen_tokens = 3,
                     .rejected_tokens = 5});
  }
  const PairSlopes start = slopes(*preference_member("dpo"), pairs, counted(pairs));
  EXPECT_EQ(start.loss, std::numbers::ln2);
  EXPECT_EQ(mean_of(start.metrics, "rewards/margins"), 0);
  EXPECT_EQ(mean_of(start.metrics, "rewards/accuracies"), 0);  // a tie is not a win, as in TRL
}

TEST(Dpo, SidesPullEquallyAndOppositely) {
  const PairSlopes step = with("", worked_pair());
  EXPECT_EQ(step.slopes[0].chosen.logp, -step.slopes[0].rejected.logp);
  EXPECT_EQ(step.slopes[0].ref_chosen.logp, 0);
}

TEST(Dpo, AnswersOfNoProbabilityAreSurvivedOrShown) {
  PairSums pair = worked_pair();
  pair.rejected.logp = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(with("", pair).loss, 0);
  pair = worked_pair();
  pair.chosen.logp = -std::numeric_limits<double>::infinity();
  EXPECT_EQ(with("", pair).loss, std::numeric_limits<double>::infinity());
}

TEST(Dpo, AotOfOnePairIsDpo) {
  const double dpo = with("", worked_pair()).loss;
  EXPECT_NEAR(with("loss_type: [aot]", worked_pair()).loss, dpo, 1e-15);
  EXPECT_NEAR(with("loss_type: [aot_unpaired]", worked_pair()).loss, dpo, 1e-15);
}

TEST(Dpo, OptionsThatContradictEachOtherAreRefused) {
  EXPECT_NE(refusal("loss_type: [exo_pair]").find("label_smoothing above 0"), std::string::npos);
  EXPECT_NE(refusal("{loss_type: [aot], use_weighting: true}").find("take pairs apart"),
            std::string::npos);
  EXPECT_NE(
      refusal("{loss_type: [bco_pair], f_divergence_type: forward_kl}").find("goes with sigmoid"),
      std::string::npos);
  EXPECT_NE(refusal("{loss_type: [sigmoid, sft], loss_weights: [1]}").find("wanted 2"),
            std::string::npos);
  EXPECT_NE(refusal("loss_type: [ppo]").find("sigmoid"), std::string::npos);
}

}  // namespace
}  // namespace temper::algo
