#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

PairSlopes with(const std::string& options, const PairSums& pair) {
  return slopes(*preference_member("xpo", options), {&pair, 1}, counted({&pair, 1}));
}

TEST(Xpo, WorkedNumbersStandOnThePage) {
  const PairSlopes won = with("alpha: 0.02", worked_pair());
  PairSums lost_pair = worked_pair();
  lost_pair.win = 0;
  const PairSlopes lost = with("alpha: 0.02", lost_pair);
  conformance::expect_page("xpo", {{"loss", won.loss},
                                   {"exploration", mean_of(won.metrics, "loss/xpo")},
                                   {"slope_chosen", won.slopes[0].chosen.logp},
                                   {"slope_rejected", won.slopes[0].rejected.logp},
                                   {"lost", lost.loss},
                                   {"lost_slope_chosen", lost.slopes[0].chosen.logp}});
}

TEST(Xpo, WithoutExplorationItIsOnlineDpo) {
  const PairSums pair = worked_pair();
  for (const char* type : {"sigmoid", "ipo"}) {
    const std::string options = std::string("loss_type: ") + type;
    EXPECT_EQ(
        with("{alpha: 0, " + options + "}", pair).loss,
        slopes(*preference_member("online_dpo", options), {&pair, 1}, counted({&pair, 1})).loss);
  }
}

}  // namespace
}  // namespace temper::algo
