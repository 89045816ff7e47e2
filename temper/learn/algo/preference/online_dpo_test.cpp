#include <gtest/gtest.h>

#include <numbers>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

PairSlopes with(const std::string& options, const PairSums& pair) {
  return slopes(*preference_member("online_dpo", options), {&pair, 1}, counted({&pair, 1}));
}

TEST(OnlineDpo, WorkedNumbersStandOnThePage) {
  const PairSlopes sigmoid = with("", worked_pair());
  PairSums start = worked_pair();
  start.chosen = start.ref_chosen;
  start.rejected = start.ref_rejected;
  conformance::expect_page("online_dpo",
                           {{"loss", sigmoid.loss},
                            {"margin", mean_of(sigmoid.metrics, "rewards/margins")},
                            {"slope_chosen", sigmoid.slopes[0].chosen.logp},
                            {"slope_rejected", sigmoid.slopes[0].rejected.logp},
                            {"kl", mean_of(sigmoid.metrics, "objective/kl")},
                            {"entropy", mean_of(sigmoid.metrics, "objective/entropy")},
                            {"start", with("", start).loss},
                            {"ipo", with("loss_type: ipo", worked_pair()).loss}});
}

TEST(OnlineDpo, ItsSigmoidIsDposAndItsIpoTakesSums) {
  const PairSums pair = worked_pair();
  EXPECT_EQ(with("beta: 0.3", pair).loss,
            slopes(*preference_member("dpo", "beta: 0.3"), {&pair, 1}, counted({&pair, 1})).loss);
  const PairSlopes ipo = with("loss_type: ipo", pair);
  EXPECT_NE(
      ipo.loss,
      slopes(*preference_member("dpo", "loss_type: [ipo]"), {&pair, 1}, counted({&pair, 1})).loss);
}

TEST(OnlineDpo, ABatchWithoutPairsHasNoLoss) {
  EXPECT_EQ(slopes(*preference_member("online_dpo"), {}, {}).loss, 0);
}

}  // namespace
}  // namespace temper::algo
