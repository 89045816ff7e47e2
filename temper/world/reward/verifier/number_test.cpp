#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/world/reward/verifier.h"

namespace temper::reward {
namespace {

TEST(Number, ToleranceIsRelativeAboveOneAndAbsoluteBelow) {
  Judge judge = make_judge("number", {{"tolerance", 0.01}}, "");
  auto score = [&](const char* answer, const char* reference) {
    Attempt attempt;
    attempt.answer = answer;
    attempt.reference = reference;
    return judge(attempt).value;
  };
  EXPECT_EQ(score("1009", "1000"), 1);
  EXPECT_EQ(score("1011", "1000"), 0);
  EXPECT_EQ(score("0.009", "0"), 1);
  EXPECT_EQ(score("0.011", "0"), 0);
}

}  // namespace
}  // namespace temper::reward
