#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

class Linter : public DemoTokenizer {};

TEST_F(Linter, PassesGoodRowsAndCountsCutOnes) {
  std::vector<data::Row> rows{row_of({{"prompt", "one"}, {"completion", " two"}}),
                              row_of({{"prompt", "one two three four"}, {"completion", " 5"}})};
  EXPECT_TRUE(renderer().lint(rows).empty());
  auto warnings = renderer({.max_length = 5}).lint(rows);
  ASSERT_EQ(warnings.size(), 1);
  EXPECT_EQ(warnings[0], "1 of 2 rows are cut to max_length = 5");
}

TEST_F(Linter, RefusesAPromptThatIsNotAPrefix) {
  std::vector<data::Row> rows{row_of({{"prompt", "The answer is "}, {"completion", "four"}})};
  std::string got = error_of([&] { renderer().lint(rows); });
  EXPECT_NE(got.find("not a token prefix of prompt + completion: its end \" \""), std::string::npos)
      << got;
  EXPECT_NE(got.find("rows.jsonl:1"), std::string::npos) << got;
}

TEST_F(Linter, WarnsOfAnswersThatDoNotFollowTheirPrompt) {
  // As DeepSeek: the generation prompt opens thoughts that the conversation does not show.
  std::string path = file_of(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}");
  std::vector<data::Row> rows{
      row_of({{"messages", Json::array({said("user", "a"), said("assistant", "b")})}})};
  EXPECT_TRUE(renderer().lint(rows).empty());
  auto warnings = renderer({.chat_template_path = path}).lint(rows);
  ASSERT_EQ(warnings.size(), 1);
  EXPECT_EQ(warnings[0],
            "1 of 1 rows have a last answer that does not follow its prompt as it would be asked");
}

TEST_F(Linter, RefusesRowsThatNeverEndATurn) {
  std::string path = file_of("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  std::vector<data::Row> rows{
      row_of({{"messages", Json::array({said("user", "a"), said("assistant", "b")})}})};
  std::string got = error_of([&] { renderer({.chat_template_path = path}).lint(rows); });
  EXPECT_NE(got.find("no trained token ends a turn"), std::string::npos) << got;
  EXPECT_NE(got.find("wanted one of '<|im_end|>'"), std::string::npos) << got;
}

}  // namespace
}  // namespace temper::chat
