#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/world/reward/verifier.h"

namespace temper::reward {
namespace {

TEST(XmlFormat, SaysWhatIsMissing) {
  Judge judge = make_judge("xml_format", {{"fields", {"think", "answer"}}}, "");
  auto reason = [&](const std::string& completion) {
    Attempt attempt;
    attempt.completion = completion;
    return judge(attempt).reason;
  };
  EXPECT_EQ(reason("4"), "no tags");
  EXPECT_EQ(reason("<think>hm"), "a tag is not closed");
  EXPECT_EQ(reason("<answer>4</answer>"), "text before the tags");
  EXPECT_EQ(reason("<think>a</think><answer>4</answer>."), "text after the tags");
  EXPECT_EQ(reason("<think>a</think><answer>4</answer>"), "well formed");
}

}  // namespace
}  // namespace temper::reward
