#include "temper/language/chat/renderer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/language/chat/demo_tokenizer.h"

namespace temper::chat {
namespace {

class Rendering : public DemoTokenizer {};

TEST_F(Rendering, AnswerIsTrainedWithItsEndOfTurn) {
  Json pair = {{"prompt", Json::array({said("system", "Be brief."), said("user", "2+2?")})},
               {"completion", Json::array({said("assistant", "4")})}};
  TokenRow made = renderer().row(row_of(pair));
  EXPECT_EQ(marked(made),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n"
            "<|im_start|>assistant\n⟦4<|im_end|>\n⟧");
  EXPECT_EQ(made.prompt_tokens, std::ssize(made.ids) - 3);
  ASSERT_EQ(made.spans.size(), 4);
  EXPECT_EQ(made.spans[0].role, "system");
  EXPECT_EQ(made.spans[3].role, "assistant");
  EXPECT_EQ(made.spans[3].turn, 2);
  EXPECT_TRUE(made.spans[3].trained);
}

TEST_F(Rendering, EndTokenIsAppendedOnceAndTrainedThoughItIsThePadToken) {
  ASSERT_EQ(tokenizer_->specials().eos, tokenizer_->specials().pad);
  for (const char* text : {"hello", "hello<|im_end|>"}) {
    TokenRow made = renderer().row(row_of({{"text", text}}));
    EXPECT_EQ(marked(made), "⟦hello<|im_end|>⟧");
    EXPECT_EQ(made.ids.back(), kEnd);
  }
  TokenRow other = renderer({.eos_token = "<|endoftext|>"}).row(row_of({{"text", "hello"}}));
  EXPECT_EQ(marked(other), "⟦hello<|endoftext|>⟧");
}

TEST_F(Rendering, TruncationKeepsTheEndAskedFor) {
  Json pair = {{"prompt", "one two three four"}, {"completion", " five six"}};
  RendererOptions options{.max_length = 3};
  TokenRow start = renderer(options).row(row_of(pair));
  EXPECT_TRUE(start.truncated);
  EXPECT_EQ(marked(start), "one two three");
  EXPECT_EQ(start.trained_tokens(), 0);
  options.truncation_mode = "keep_end";
  TokenRow end = renderer(options).row(row_of(pair));
  EXPECT_EQ(marked(end), "⟦ five six<|im_end|>⟧");
  EXPECT_EQ(end.prompt_tokens, 0);
}

TEST_F(Rendering, EveryWayToEndATurnStops) {
  EXPECT_EQ(Renderer(*tokenizer_, {}, {0, kEnd}).stop_ids(), (std::vector<token::Id>{kEnd, 0}));
  // The end token is another than the template's end of turn, as in base models' tokenizers.
  EXPECT_EQ(renderer({.eos_token = "<|endoftext|>"}).stop_ids(), (std::vector<token::Id>{0, kEnd}));
  std::string path = file_of("{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}");
  EXPECT_EQ(Renderer(*tokenizer_, {.chat_template_path = path}, {}).stop_ids(),
            (std::vector<token::Id>{kEnd, 0}));
}

TEST_F(Rendering, TemplateComesFromAFolderWithItsEndToken) {
  std::string folder = this->folder() + "/published";
  file::make_folder(folder);
  file::write_atomically(
      folder + "/tokenizer_config.json",
      R"({"chat_template": "{{ eos_token }}!", "eos_token": {"content": "<|endoftext|>"}})");
  Renderer made = renderer({.chat_template_path = folder});
  EXPECT_EQ(made.prompt_text({{"user", "a", nullptr}}), "<|endoftext|>!");
  EXPECT_EQ(made.eos(), 0);
  file::write_atomically(folder + "/tokenizer_config.json", R"({"eos_token": null})");
  EXPECT_NE(error_of([&] { renderer({.chat_template_path = folder}); }).find("no chat template"),
            std::string::npos);
  file::write_atomically(folder + "/chat_template.jinja", "{{ messages | length }}");
  EXPECT_EQ(renderer({.chat_template_path = folder}).prompt_text({{"user", "a", nullptr}}), "1");
  file::remove_folder(folder);
}

TEST_F(Rendering, BadOptionsAndRowsAreNamed) {
  auto contains = [](const std::string& got, const char* wanted) {
    EXPECT_NE(got.find(wanted), std::string::npos) << got;
  };
  contains(error_of([&] { renderer({.eos_token = "<nope>"}); }),
           "the end token '<nope>' is not in the vocabulary");
  contains(error_of([&] { renderer({.chat_template_path = "/nowhere"}); }),
           "'/nowhere' is neither a file nor a folder");
  contains(error_of([&] { renderer({.chat_template_path = file_of("{% if %}")}); }), "test.jinja");
  contains(error_of([&] {
             renderer({.assistant_only_loss = true}).row(row_of({{"text", "a"}}));
           }),
           "assistant_only_loss needs messages, got a text row");
  contains(error_of([&] { renderer().row(row_of({{"prompt", "a"}})); }), "got a prompt-only row");
  Json user = {{"messages", Json::array({said("user", "a")})}};
  contains(error_of([&] { renderer({.assistant_only_loss = true}).row(row_of(user)); }),
           "the row has no assistant token");
  std::string refuses = file_of("{{ raise_exception('System role not supported') }}");
  contains(error_of([&] { renderer({.chat_template_path = refuses}).row(row_of(user)); }),
           "System role not supported");
}

TEST(BaseModel, HasNoTemplateAndSaysSo) {
  std::string json = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3},
    "merges": [["a", "b"]]}, "added_tokens": [{"id": 4, "content": "</s>", "special": true,
    "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
    "use_regex": true}, "decoder": {"type": "ByteLevel", "add_prefix_space": true,
    "trim_offsets": true, "use_regex": true}, "normalizer": null, "post_processor": null})";
  Renderer plain(token::Tokenizer::from_json(json, "base"), {.eos_token = "</s>"}, {});
  EXPECT_FALSE(plain.has_template());
  TokenRow made = plain.row(row_of({{"prompt", "a b"}, {"completion", " a"}}));
  EXPECT_EQ(made.ids, (std::vector<token::Id>{0, 2, 1, 2, 0, 4}));
  EXPECT_EQ(made.trained, (std::vector<uint8_t>{0, 0, 0, 1, 1, 1}));
  std::string got = error_of([&] { plain.prompt({{"user", "a", nullptr}}); });
  EXPECT_NE(got.find("messages need a chat template, and this tokenizer has none"),
            std::string::npos)
      << got;
  Renderer endless(token::Tokenizer::from_json(json, "base"), {}, {});
  got = error_of([&] { endless.row(row_of({{"text", "a"}})); });
  EXPECT_NE(got.find("the tokenizer has no end token"), std::string::npos) << got;
}

}  // namespace
}  // namespace temper::chat
