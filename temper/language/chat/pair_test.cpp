// Pairs as tokens, against what TRL makes of them (golden/dpo_rows.py).
#include "temper/language/chat/pair.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

class Pairs : public DemoTokenizer {
 protected:
  static data::Row pair_row(const std::string& text) {
    constexpr data::RowType kWanted[] = {data::RowType::Preference};
    return data::make_row(text::parse_json(text, "row"), "rows.jsonl:1", kWanted);
  }
};

std::vector<token::Id> joined(std::vector<token::Id> a, const std::vector<token::Id>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_F(Pairs, TokensEqualTrl) {
  const Renderer made_by = renderer({.max_length = 0});
  const Json golden =
      text::parse_json(file::read_file(SOURCE_DIR "/golden/dpo_rows.json"), "golden");
  ASSERT_GE(golden.size(), 30u);
  int compared = 0;
  for (const Json& entry : golden) {
    SCOPED_TRACE(text::to_line(entry["row"]) + " " + text::to_line(entry["max_length"]));
    const TokenPair pair =
        token_pair(made_by, pair_row(text::to_line(entry["row"])), entry["max_length"]);
    if (entry["made"].is_null()) {
      EXPECT_NE(pair.unusable.find("the prompt has"), std::string::npos);
      continue;
    }
    ++compared;
    const Json& wanted = entry["made"];
    EXPECT_EQ(joined(pair.prompt, pair.chosen), wanted["chosen"].get<std::vector<token::Id>>());
    EXPECT_EQ(joined(pair.prompt, pair.rejected), wanted["rejected"].get<std::vector<token::Id>>());
    EXPECT_EQ(std::ssize(pair.prompt), wanted["chosen_prompt"].get<int64_t>());
    EXPECT_EQ(std::ssize(pair.prompt), wanted["rejected_prompt"].get<int64_t>());
  }
  EXPECT_GE(compared, 20);
}

TEST_F(Pairs, WhatTeachesNothingSaysWhy) {
  const Renderer made_by = renderer({.max_length = 0});
  auto why = [&](const std::string& row, int64_t max_length) {
    return token_pair(made_by, pair_row(row), max_length).unusable;
  };
  EXPECT_EQ(why(R"({"prompt": "a", "chosen": " b", "rejected": " c"})", 0), "");
  EXPECT_EQ(why(R"({"prompt": "a", "chosen": " b", "rejected": " b"})", 0),
            "chosen and rejected are the same tokens");
  EXPECT_EQ(why(R"({"prompt": "a", "chosen": " b c", "rejected": " b d"})", 2),
            "chosen and rejected are the same tokens after truncation");
  EXPECT_NE(why(R"({"prompt": "a b c", "chosen": " d", "rejected": " e"})", 3).find("leaves none"),
            std::string::npos);
}

TEST_F(Pairs, LintCountsLostPromptsMissingEndsAndCuts) {
  const Renderer made_by = renderer({.max_length = 0});
  std::vector<TokenPair> pairs;
  for (const char* row : {R"({"prompt": "The sky is ", "chosen": "blue", "rejected": "green"})",
                          R"({"prompt": "a", "chosen": " b", "rejected": " c"})"}) {
    pairs.push_back(token_pair(made_by, pair_row(row), 0));
  }
  pairs[1].chosen.back() = pairs[1].prompt[0];  // no end
  const std::vector<std::string> notes = lint(made_by, pairs);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_NE(notes[0].find("1 of 2 pairs lose tokens"), std::string::npos);
  EXPECT_NE(notes[1].find("without a token that ends a turn"), std::string::npos);
}

}  // namespace
}  // namespace temper::chat
