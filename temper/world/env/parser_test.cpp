#include "temper/world/env/parser.h"

#include <gtest/gtest.h>

#include "temper/foundation/error/error.h"

namespace temper::env {
namespace {

std::string parse(const std::string& name, const std::string& text) {
  return make_parser(name, "answer", "")(text).value_or("(none)");
}

TEST(Parser, EachFindsItsAnswer) {
  EXPECT_EQ(parse("text", " a\n"), " a\n");
  EXPECT_EQ(parse("xml", "<answer>1</answer> or <answer>\n 2 \n</answer>"), "2");
  EXPECT_EQ(parse("xml", "<answer>1"), "(none)");
  EXPECT_EQ(parse("think", "<think>a</think>b</think>\n c"), "c");
  EXPECT_EQ(parse("think", "<think>a"), "(none)");
  EXPECT_EQ(parse("last_line", "a\n b \n\n"), "b");
  EXPECT_EQ(parse("last_line", "\n \n"), "(none)");
  EXPECT_EQ(parse("gsm8k", "#### 1\n####  1,200 \nok"), "1,200");
  EXPECT_EQ(parse("gsm8k", "1200"), "(none)");
  EXPECT_EQ(parse("number", "it is 1,234.0."), "1234");
  EXPECT_EQ(parse("number", "3 or -0.5"), "-0.5");
  EXPECT_EQ(parse("number", "none"), "(none)");
}

TEST(Parser, EachReadsBackWhatWriteAnswerWrites) {
  for (const std::string& name : parser_names()) {
    EXPECT_EQ(parse(name, write_answer(name, "answer", "72")), "72") << name;
  }
}

TEST(Parser, UnknownNamesGetSuggestions) {
  try {
    make_parser("xlm", "answer", "env.yaml:4");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().where, "env.yaml:4");
    EXPECT_NE(error.parts().try_.find("'xml'"), std::string::npos);
  }
  EXPECT_THROW(make_parser("xml", "", ""), Error);
}

}  // namespace
}  // namespace temper::env
