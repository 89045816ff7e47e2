// Where the assistant's turns begin and end, in templates that do not say so.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

class Turns : public DemoTokenizer {};

TEST_F(Turns, AssistantTurnsAreFoundWithoutGenerationBlocks) {
  Json talk = {{"messages", Json::array({said("user", "a"), said("assistant", "b"),
                                         said("user", "c"), said("assistant", "d")})}};
  TokenRow made = renderer({.assistant_only_loss = true}).row(row_of(talk));
  std::string got = marked(made);
  EXPECT_NE(got.find("assistant\n⟦b<|im_end|>\n⟧<|im_start|>user\nc<|im_end|>\n<|im_start|>"
                     "assistant\n⟦d<|im_end|>\n⟧"),
            std::string::npos)
      << got;
}

TEST_F(Turns, ConversationThatClosesItselfIsReadByMarker) {
  // The last beginning ends in "<|endoftext|>", so no beginning is a prefix of a longer one.
  std::string path = file_of(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n"
      "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% else %}<|endoftext|>"
      "{% endif %}");
  Json talk = {{"messages", Json::array({said("user", "a"), said("assistant", " b "),
                                         said("user", "c"), said("assistant", "d")})}};
  TokenRow made =
      renderer({.chat_template_path = path, .assistant_only_loss = true}).row(row_of(talk));
  EXPECT_EQ(
      marked(made),
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦b<|im_end|>\n⟧<|im_start|>user\n"
      "c<|im_end|>\n<|im_start|>assistant\n⟦d<|im_end|>\n<|endoftext|>⟧");
}

TEST_F(Turns, CallsOfToolsEndByTheOnlyStopTokenBeforeTheReply) {
  // As Qwen3: a last call is printed with its thoughts, an earlier one without.
  std::string path = file_of(
      "{% for m in messages %}<|im_start|>{{ m.role }}\n"
      "{% if loop.last and m.role == 'assistant' %}<think></think>{% endif %}{{ m.content }}"
      "{% for c in m.tool_calls %}{% if m.content %} {% endif %}call {{ c.name }}{% endfor %}"
      "<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  Json call = said("assistant", "");
  call["tool_calls"] = Json::array({{{"name", "f"}}});
  Json talk = {{"messages",
                Json::array({said("user", "a"), call, said("tool", "7"), said("assistant", "b")})}};
  TokenRow made =
      renderer({.chat_template_path = path, .assistant_only_loss = true}).row(row_of(talk));
  EXPECT_EQ(marked(made),
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦call f<|im_end|>\n⟧"
            "<|im_start|>tool\n7<|im_end|>\n<|im_start|>assistant\n⟦<think></think>b<|im_end|>\n⟧");
  talk["messages"][1]["tool_calls"][0]["name"] = "f<|im_end|>";
  std::string got = error_of([&] {
    renderer({.chat_template_path = path, .assistant_only_loss = true}).row(row_of(talk));
  });
  EXPECT_NE(got.find("cannot be told apart"), std::string::npos) << got;
}

TEST_F(Turns, TurnEndedByTheNextMessagesTokenTrainsThatToken) {
  // As GLM: no end of turn of its own.
  std::string path = file_of(
      "{% for m in messages %}{{ '<|endoftext|>' if m.role == 'user' else '<|im_start|>' }}"
      "{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}");
  Json talk = {{"messages", Json::array({said("user", "a"), said("assistant", "b"),
                                         said("user", "c"), said("assistant", "d")})}};
  RendererOptions options{.chat_template_path = path, .assistant_only_loss = true};
  EXPECT_EQ(marked(renderer(options).row(row_of(talk))),
            "<|endoftext|>a<|im_start|>⟦b<|endoftext|>⟧c<|im_start|>⟦d⟧");
}

TEST_F(Turns, TurnThatCannotBeToldApartIsAnError) {
  // Numbers messages from the end: every beginning prints differently.
  std::string path = file_of(
      "{% for m in messages %}{{ loop.revindex }}{{ m.role }}: {{ m.content }}\n{% endfor %}");
  Json talk = {{"messages", Json::array({said("user", "a"), said("assistant", "b")})}};
  RendererOptions options{.chat_template_path = path, .assistant_only_loss = true};
  std::string got = error_of([&] { renderer(options).row(row_of(talk)); });
  EXPECT_NE(got.find("the assistant's turn (message 1) cannot be told apart"), std::string::npos)
      << got;
  EXPECT_NE(got.find("rows.jsonl:1"), std::string::npos) << got;
  options.assistant_only_loss = false;
  EXPECT_EQ(renderer(options).row(row_of(talk)).trained_tokens() > 0, true);
}

}  // namespace
}  // namespace temper::chat
