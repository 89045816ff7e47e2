#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

TEST(Spin, WorkedNumbersStandOnThePageAndAreDpos) {
  const PairSums pair = worked_pair();
  auto of = [&](const char* name) {
    return slopes(*preference_member(name), {&pair, 1}, counted({&pair, 1}));
  };
  const PairSlopes spin = of("spin"), dpo = of("dpo");
  EXPECT_EQ(spin.loss, dpo.loss);
  EXPECT_EQ(spin.slopes[0].rejected.logp, dpo.slopes[0].rejected.logp);
  PairSums again = worked_pair();
  again.ref_chosen = again.chosen;
  again.ref_rejected = again.rejected;
  conformance::expect_page(
      "spin", {{"loss", spin.loss},
               {"margin", mean_of(spin.metrics, "rewards/margins")},
               {"slope_chosen", spin.slopes[0].chosen.logp},
               {"next_iteration",
                slopes(*preference_member("spin"), {&again, 1}, counted({&again, 1})).loss}});
}

}  // namespace
}  // namespace temper::algo
