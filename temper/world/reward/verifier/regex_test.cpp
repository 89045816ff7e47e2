#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward {
namespace {

Score match(const Json& options, const std::string& answer) {
  Attempt attempt;
  attempt.answer = attempt.completion = answer;
  return make_judge("regex", options, "test")(attempt);
}

TEST(Regex, BytesThatAreNotUtf8MatchNothingButTheirNeighboursDo) {
  EXPECT_EQ(match({{"pattern", "a.b"}},
                  "a\xff"
                  "b")
                .value,
            0);
  EXPECT_EQ(match({{"pattern", "b"}},
                  "a\xff"
                  "b")
                .value,
            1);
  EXPECT_EQ(match({{"pattern", "."}}, "\xff\xfe").outcome, Outcome::Scored);
}

TEST(Regex, ABadPatternIsRefusedWithItsPlace) {
  try {
    make_judge("regex", {{"pattern", "a(b"}}, "env.yaml:3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "regex: missing closing parenthesis at character 3 of 'a(b'");
    EXPECT_EQ(error.parts().where, "env.yaml:3");
  }
}

TEST(Regex, ATimeoutNamesItsLimit) {
  Score score = match({{"pattern", "^(a+)+$"}, {"match_limit", 1000}}, std::string(40, 'a') + "b");
  EXPECT_EQ(score.outcome, Outcome::Timeout);
  EXPECT_EQ(score.reason, "gave up after 1000 steps");
}

}  // namespace
}  // namespace temper::reward
