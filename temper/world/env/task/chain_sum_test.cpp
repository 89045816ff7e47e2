#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "temper/foundation/error/error.h"
#include "temper/world/env/task.h"

namespace temper::env {
namespace {

TEST(ChainSum, ResultsAreRightAndHeldOutChainsAreNeverTrainedOn) {
  auto environment = make_environment("chain_sum", {{"terms", 2}, {"digits", 1}});
  std::set<std::string> trained, held_out;
  for (int64_t i = 0; i < 1000; ++i) {
    Row row = environment->row(Split::Train, i, 3);
    trained.insert(row.prompt.back().content);
    held_out.insert(environment->row(Split::HeldOut, i, 4).prompt.back().content);
    int a = 0, b = 0;
    char sign = 0;
    ASSERT_EQ(sscanf(row.prompt.back().content.c_str(), "What is %d %c %d?", &a, &sign, &b), 3);
    EXPECT_EQ(row.answer, std::to_string(sign == '+' ? a + b : a - b));
  }
  EXPECT_GT(held_out.size(), 5u);
  for (const std::string& text : held_out) EXPECT_FALSE(trained.contains(text)) << text;
}

TEST(ChainSum, DifficultyIsTermsAndDigits) {
  auto environment =
      make_environment("chain_sum", {{"terms", 5}, {"digits", 3}, {"subtract", false}});
  std::string text = environment->row(Split::Train, 0, 1).prompt.back().content;
  EXPECT_EQ(text.size(), std::string("What is ").size() + 5 * 3 + 4 * 3 + 1) << text;
  EXPECT_EQ(text.find('-'), text.npos);
  EXPECT_THROW(make_environment("chain_sum", {{"terms", 1}}), Error);
  EXPECT_THROW(make_environment("chain_sum", {{"digits", 10}}), Error);
}

}  // namespace
}  // namespace temper::env
