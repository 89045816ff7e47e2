#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/world/reward/verifier.h"

namespace temper::reward {
namespace {

TEST(Count, SaysWantedAndGot) {
  Attempt attempt;
  attempt.answer = "[PII] [PII]";
  attempt.info = std::make_shared<const Json>(Json{{"pii_count", 3}});
  Score score = make_judge("count", {{"literal", "[PII]"}, {"key", "pii_count"}}, "")(attempt);
  EXPECT_EQ(score.reason, "wanted 3, got 2");
  attempt.info = nullptr;
  score = make_judge("count", {{"literal", "[PII]"}, {"key", "pii_count"}}, "")(attempt);
  EXPECT_EQ(score.outcome, Outcome::Unscorable);
  EXPECT_EQ(score.reason, "the row has no info.pii_count");
}

}  // namespace
}  // namespace temper::reward
