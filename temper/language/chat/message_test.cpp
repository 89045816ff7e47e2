#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

TEST(Message, RoundTripsWithItsOtherKeys) {
  std::string line = R"({"role":"tool","content":"x","name":"f"})";
  EXPECT_EQ(text::to_line(to_json(message_from_json(text::parse_json(line, "t"), "t"))), line);
  Message call = message_from_json(
      text::parse_json(R"({"role": "assistant", "content": null, "tool_calls": []})", "t"), "t");
  EXPECT_EQ(call.content, "");
  ASSERT_TRUE(call.extra);
}

TEST(Message, WrongOnesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"content": "a"})", "role: wanted a string, got null"},
      {R"({"role": 1})", "role: wanted a string, got number"},
      {R"({"role": "user", "content": 1})", "content: wanted a string or null, got number"},
      {"[]", "message: wanted an object, got array"},
  };
  for (const auto& [line, message] : cases) {
    Json value = text::parse_json(line, "t");
    std::string got = error_of([&] { message_from_json(value, "body"); });
    EXPECT_NE(got.find(message), std::string::npos) << got;
    EXPECT_NE(got.find("body"), std::string::npos) << got;
  }
  std::string got =
      error_of([] { messages_from_json(text::parse_json(R"([{"role": "a"}, 1])", "t"), "body"); });
  EXPECT_NE(got.find("body, message 1"), std::string::npos) << got;
}

}  // namespace
}  // namespace temper::chat
