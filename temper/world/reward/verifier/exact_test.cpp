#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/world/reward/verifier.h"

namespace temper::reward {
namespace {

TEST(Exact, TextThatIsNotUtf8IsComparedByBytes) {
  Attempt attempt;
  attempt.answer = "AB\xff";
  attempt.reference = "ab\xff";
  EXPECT_EQ(make_judge("exact", {{"case_insensitive", true}}, "")(attempt).value, 1);
  attempt.reference = "ab\xfe";
  EXPECT_EQ(make_judge("exact", {{"case_insensitive", true}}, "")(attempt).value, 0);
}

}  // namespace
}  // namespace temper::reward
