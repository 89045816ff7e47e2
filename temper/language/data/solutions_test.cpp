#include "temper/language/data/solutions.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace temper::data {
namespace {

std::vector<Row> read(const std::string& text, Neutral neutral = Neutral::Wrong) {
  constexpr RowType kWanted[] = {RowType::Stepwise, RowType::Other};
  return solutions(make_row(text::parse_json(text, "row"), "rows.jsonl:3", kWanted), neutral);
}

std::string what(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Solutions, AStepwiseRowIsOneAsItIs) {
  const auto rows = read(R"({"prompt": "a", "completions": ["b"], "labels": [1], "id": 4})");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ((*rows[0].value)["id"], 4);
  EXPECT_NE(what(R"({"prompt": "a", "completions": ["b"]})").find("no 'labels'"),
            std::string::npos);
}

TEST(Solutions, MathShepherdRowsAreReadAsTrlReadsThem) {
  struct Case {
    const char *input, *label, *wanted;
  };
  const Case cases[] = {
      {"How many eggs? Step 1: 16 - 3 = 13. ки\\nStep 2: 13 · 2 = 20. The answer is: 20 ки",
       "How many eggs? Step 1: 16 - 3 = 13. +\\nStep 2: 13 · 2 = 20. The answer is: 20 -",
       R"({"prompt":"How many eggs?","completions":["Step 1: 16 - 3 = 13.","Step 2: 13 · 2 = 20. The answer is: 20"],"labels":[true,false]})"},
      {"What? it is 4 ки\\nstep 1: yes ки", "What? it is 4 +\\nstep 1: yes +",
       R"({"prompt":"What?","completions":["it is 4","step 1: yes"],"labels":[true,true]})"},
      {"Find it. step 1: 4 ки and more", "Find it. step 1: 4 - and more",
       R"({"prompt":"Find it.","completions":["step 1: 4"],"labels":[false]})"},
      // a mark in the question
      {"Find the sum ки of 1 and 2. Step 1: 3 ки", "Find the sum + of 1 and 2. Step 1: 3 -",
       R"({"prompt":"Find the sum  of 1 and 2.","completions":["Step 1: 3"],"labels":[false]})"}};
  for (const Case& c : cases) {
    const auto rows = read(std::string(R"({"input": ")") + c.input + R"(", "label": ")" + c.label +
                           R"(", "task": "GSM8K"})");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(text::to_line(*rows[0].value), c.wanted);
    EXPECT_EQ(rows[0].where, "rows.jsonl:3");
  }
}

TEST(Solutions, BadMathShepherdRowsSayWhatIsWrong) {
  const std::string shifted = what(R"({"input": "a? b ки c ки", "label": "a? b + c?"})");
  EXPECT_NE(shifted.find("wanted + or - for mark 2"), std::string::npos) << shifted;
  EXPECT_NE(shifted.find("rows.jsonl:3"), std::string::npos);
  EXPECT_NE(what(R"({"input": "a? b", "label": "a? b"})").find("'input' has no mark"),
            std::string::npos);
  EXPECT_NE(what(R"({"input": "a b ки", "label": "a b +"})").find("no first step"),
            std::string::npos);
}

const char* kRated =
    R"({"labeler": "x", "question": {"problem": "1+2·3?", "ground_truth_answer": "7"},
  "label": {"finish_reason": "found_error", "total_time": 3, "steps": [
    {"completions": [{"text": "2·3 = 5", "rating": -1, "flagged": null},
                     {"text": "2·3 = 6", "rating": 1}, {"text": "hm", "rating": null}],
     "human_completion": null, "chosen_completion": 1},
    {"completions": [{"text": "so", "rating": 0}], "human_completion": null, "chosen_completion": 0},
    {"completions": null, "human_completion": {"text": "1+6 = 7", "rating": null},
     "chosen_completion": null},
    {"completions": [{"text": "done: 8", "rating": -1}], "human_completion": null,
     "chosen_completion": null}]}})";

TEST(Solutions, Prm800kRowsGiveEveryPathThatWasRated) {
  const auto rows = read(kRated);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(text::to_line(*rows[0].value),
            R"({"prompt":"1+2·3?","completions":["2·3 = 5"],"labels":[false]})");
  EXPECT_EQ(
      text::to_line(*rows[1].value),
      R"({"prompt":"1+2·3?","completions":["2·3 = 6","so","1+6 = 7","done: 8"],"labels":[true,false,true,false]})");
  EXPECT_EQ(
      text::to_line(*rows[2].value),
      R"({"prompt":"1+2·3?","completions":["2·3 = 6","so","1+6 = 7"],"labels":[true,false,true]})");
  EXPECT_EQ(rows[2].where, "rows.jsonl:3, path 3");
  EXPECT_EQ((*read(kRated, Neutral::Right)[2].value)["labels"], Json({true, true, true}));
}

TEST(Solutions, BadPrm800kRowsSayWhatIsWrong) {
  auto steps = [](const std::string& list) {
    return what(R"({"question": {"problem": "q"}, "label": {"steps": [)" + list + "]}}");
  };
  EXPECT_NE(what(R"({"question": {}, "label": {}})").find("wanted a 'problem'"), std::string::npos);
  EXPECT_NE(what(R"({"question": {"problem": "q"}, "label": {}})").find("a list of 'steps'"),
            std::string::npos);
  EXPECT_NE(steps("").find("no step is rated"), std::string::npos);
  EXPECT_NE(steps(R"({"completions": [{"text": "a", "rating": 3}]})").find("-1, 0 or 1, got 3"),
            std::string::npos);
  EXPECT_NE(steps(R"({"completions": [{"rating": 1}]})").find("no 'text'"), std::string::npos);
  EXPECT_NE(steps(R"({"completions": [], "chosen_completion": 2})").find("got 2"),
            std::string::npos);
  EXPECT_NE(steps("4").find("wanted objects"), std::string::npos);
}

TEST(Solutions, OtherColumnsAreNamed) {
  const std::string said = what(R"({"text": "a", "score": 2})");
  EXPECT_NE(said.find("got a row with the columns text, score"), std::string::npos) << said;
  EXPECT_NE(said.find("Math-Shepherd's input and label"), std::string::npos) << said;
}

}  // namespace
}  // namespace temper::data
