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

/// The rows of a set as KTOTrainer takes them: of pairs all chosen answers, then all rejected ones.
std::vector<data::Row> unpaired_rows(const Json& texts) {
  constexpr data::RowType kWanted[] = {data::RowType::Unpaired, data::RowType::Preference};
  std::vector<data::Row> rows, rejected;
  for (const Json& text : texts) {
    const auto both = data::unpaired(data::make_row(text, "rows.jsonl:1", kWanted));
    rows.push_back(both[0]);
    if (both.size() > 1) rejected.push_back(both[1]);
  }
  rows.insert(rows.end(), rejected.begin(), rejected.end());
  return rows;
}

TEST_F(Pairs, TokensOfUnpairedRowsEqualTrl) {
  const Renderer made_by = renderer({.max_length = 0});
  const Json golden =
      text::parse_json(file::read_file(SOURCE_DIR "/golden/kto_rows.json"), "golden");
  for (const Json& set : golden) {
    size_t compared = 0;
    for (const data::Row& row : unpaired_rows(set["rows"])) {
      SCOPED_TRACE(text::to_line(*row.value) + " " + text::to_line(set["max_length"]));
      const TokenPair made = token_pair(made_by, row, set["max_length"]);
      if (!made.unusable.empty()) continue;
      ASSERT_LT(compared, set["made"].size());
      const Json& wanted = set["made"][compared++];
      const bool label = wanted["label"];
      EXPECT_TRUE((label ? made.rejected : made.chosen).empty());
      EXPECT_EQ(joined(made.prompt, label ? made.chosen : made.rejected),
                wanted["tokens"].get<std::vector<token::Id>>());
      EXPECT_EQ(std::ssize(made.prompt), wanted["tokens_prompt"].get<int64_t>());
    }
    EXPECT_EQ(compared, set["made"].size());
  }
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
