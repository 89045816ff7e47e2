#include <gtest/gtest.h>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

TEST(Cpo, WorkedNumbersStandOnThePage) {
  const PairSums pair{
      .chosen = {.logp = -4}, .rejected = {.logp = -6}, .chosen_tokens = 4, .rejected_tokens = 5};
  auto loss = [&](const std::string& options) {
    return slopes(*preference_member("cpo", options), {&pair, 1}, counted({&pair, 1})).loss;
  };
  conformance::expect_page(
      "cpo", {{"cpo", loss("")},
              {"simpo", loss("{loss_type: simpo, cpo_alpha: 0, beta: 2, simpo_gamma: 1}")}});
}

TEST(Cpo, SmoothingThatAFormulaLacksIsRefused) {
  EXPECT_THROW(preference_member("cpo", "{loss_type: ipo, label_smoothing: 0.1}"), Error);
}

}  // namespace
}  // namespace temper::algo
