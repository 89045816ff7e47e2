#include <gtest/gtest.h>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(Distillation, TheLossIsTheMeanDivergenceOfATokenOverAllMicroBatches) {
  const auto member = supervised("distillation");
  Tokens tokens = shaped({1, 3});
  tokens.logp = column({-1, -1, -1, -1});
  tokens.divergence = column({0.5, 0.25, 0.25, 1});
  const at::Tensor loss =
      divided(member->terms(tokens), tokens, {.tokens = 8, .answers = 4, .kept = 0});
  EXPECT_DOUBLE_EQ(loss.item<double>(), 0.25);
}

TEST(Distillation, SaysWhichDivergenceItReads) {
  EXPECT_EQ(supervised("distillation")->divergence(), 1);
  EXPECT_EQ(supervised("distillation", "beta: 0.5")->divergence(), 0.5);
  EXPECT_FALSE(supervised("sft")->divergence().has_value());
}

}  // namespace
}  // namespace temper::algo::conformance
