#include "temper/language/chat/steps.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

/// Letters are their own tokens; <s> begins a text.
token::Tokenizer letters() {
  return token::Tokenizer::from_json(
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "Ċ": 3, "ab": 4},
                    "merges": ["a b"]},
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
          "decoder": {"type": "ByteLevel"}, "normalizer": null, "post_processor": null,
          "added_tokens": []})",
      "letters");
}

data::Row steps_row(const std::string& text) {
  constexpr data::RowType kWanted[] = {data::RowType::Stepwise};
  return data::make_row(text::parse_json(text, "row"), "rows.jsonl:1", kWanted);
}

using Ids = std::vector<token::Id>;
using Places = std::vector<int32_t>;

const char* kRow = R"({"prompt": "ca", "completions": ["ab", "c", "bb"], "labels": [true, 0, 1]})";

TEST(Steps, LabelsBelongToTheLastTokenOfAStep) {
  const TokenSteps made = token_steps(letters(), steps_row(kRow), {});
  EXPECT_EQ(made.ids, (Ids{2, 0, 4, 3, 2, 3, 1, 1, 3}));
  EXPECT_EQ(made.ends, (Places{3, 5, 8}));
  EXPECT_EQ(made.labels, (std::vector<int64_t>{1, 0, 1}));
  EXPECT_FALSE(made.truncated);
  EXPECT_EQ(made.unusable, "");
}

TEST(Steps, ASeparatorMayBeAnythingOrNothing) {
  EXPECT_EQ(token_steps(letters(), steps_row(kRow), {.step_separator = "ab"}).ends,
            (Places{3, 5, 8}));
  EXPECT_EQ(token_steps(letters(), steps_row(kRow), {.step_separator = ""}).ends,
            (Places{2, 3, 5}));
  const data::Row empty =
      steps_row(R"({"prompt": "a", "completions": ["b", ""], "labels": [1, 1]})");
  EXPECT_EQ(token_steps(letters(), empty, {.step_separator = ""}).unusable, "step 1 has no token");
}

TEST(Steps, AnOutcomeModelHasTheLastLabelAlone) {
  const TokenSteps made =
      token_steps(letters(), steps_row(kRow), {.train_on_last_step_only = true});
  EXPECT_EQ(made.ends, Places{8});
  EXPECT_EQ(made.labels, std::vector<int64_t>{1});
}

TEST(Steps, WhatIsTooLongLosesStepsAndTheBeginningOfThePrompt) {
  const TokenSteps made = token_steps(letters(), steps_row(kRow), {.max_length = 7});
  EXPECT_EQ(made.ends, (Places{3, 5}));
  EXPECT_EQ(made.labels.size(), 2u);
  EXPECT_TRUE(made.truncated);
  const TokenSteps shorter =
      token_steps(letters(), steps_row(kRow), {.max_prompt_length = 1, .max_completion_length = 4});
  EXPECT_EQ(shorter.ids, (Ids{0, 4, 3, 2, 3}));
  EXPECT_EQ(shorter.ends, (Places{2, 4}));
  EXPECT_NE(token_steps(letters(), steps_row(kRow), {.max_length = 3}).unusable, "");
}

TEST(Steps, RowsWithoutLabelsAreScored) {
  const TokenSteps made =
      token_steps(letters(), steps_row(R"({"prompt": "", "completions": ["a"]})"), {});
  EXPECT_EQ(made.ends, Places{1});
  EXPECT_TRUE(made.labels.empty());
}

TEST(Steps, BadRowsSayWhatIsWrong) {
  auto refusal = [](const std::string& text) { return error_of([&] { steps_row(text); }); };
  EXPECT_NE(refusal(R"({"prompt": "a", "completions": ["b"], "labels": [1, 0]})")
                .find("wanted a list of 1"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"prompt": "a", "completions": ["b"], "labels": [-1]})").find("got -1"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"prompt": "a", "completions": []})").find("wanted a list of steps"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"prompt": "a", "completion": "b"})").find("completions (its steps)"),
            std::string::npos);
}

class StepTokens : public DemoTokenizer {};

TEST_F(StepTokens, BosStandsInFrontWhereTheTokenizerHasOne) {
  const Renderer made_by = renderer();
  const token::Tokenizer& tokenizer = made_by.tokenizer();
  const TokenSteps made = token_steps(
      tokenizer, steps_row(R"({"prompt": "2+2?", "completions": ["It is 4."], "labels": [true]})"),
      {});
  EXPECT_EQ(made.ids[0], *tokenizer.specials().bos);
  EXPECT_EQ(tokenizer.decode(made.ids), "<|im_start|>2+2?It is 4.\n");
}

}  // namespace
}  // namespace temper::chat
