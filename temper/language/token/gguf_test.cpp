#include "temper/foundation/file/gguf.h"

#include <gtest/gtest.h>

#include <cstring>

#include "temper/foundation/error/error.h"
#include "temper/language/token/tokenizer.h"

namespace temper::token {
namespace {

// GGUF metadata without tensors.
struct Metadata {
  std::string body;
  uint64_t count = 0;

  template <class T>
  void raw(T value) {
    body.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    raw<uint64_t>(value.size());
    body += value;
  }
  void key(const std::string& name, uint32_t type) {
    text(name), raw(type);
    ++count;
  }
  Metadata& string(const std::string& name, const std::string& value) {
    key(name, 8), text(value);
    return *this;
  }
  Metadata& integer(const std::string& name, uint32_t value) {
    key(name, 4), raw(value);
    return *this;
  }
  Metadata& strings(const std::string& name, const std::vector<std::string>& values) {
    key(name, 9), raw<uint32_t>(8), raw<uint64_t>(values.size());
    for (auto& value : values) text(value);
    return *this;
  }
  Metadata& integers(const std::string& name, const std::vector<int32_t>& values) {
    key(name, 9), raw<uint32_t>(5), raw<uint64_t>(values.size());
    for (int32_t value : values) raw(value);
    return *this;
  }
  Tokenizer read() const {
    Metadata head;
    head.body = "GGUF";
    head.raw<uint32_t>(3), head.raw<uint64_t>(0), head.raw(count);
    std::string whole = head.body + body;
    return Tokenizer::from_gguf(
        file::Gguf::parse(std::as_bytes(std::span(whole.data(), whole.size())), "here.gguf"));
  }
  std::string message() const {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

Metadata start(const std::string& pre = "gpt-2") {
  Metadata m;
  m.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", pre);
  return m;
}

const std::vector<std::string> kTokens = {"a", "b", "ab", "<s>", "1", "<think>", "aba"};
const std::vector<int32_t> kTypes = {1, 1, 1, 3, 1, 4, 1};

Metadata good(const std::string& pre) {
  return start(pre)
      .strings("tokenizer.ggml.tokens", kTokens)
      .integers("tokenizer.ggml.token_type", kTypes)
      .strings("tokenizer.ggml.merges", {"a b"})
      .integer("tokenizer.ggml.bos_token_id", 3);
}

}  // namespace

TEST(GgufTokenizer, TypesAndFamilyDecideAddedTokensBosAndMerges) {
  Tokenizer gpt2 = good("gpt-2").read(), llama = good("llama-bpe").read();
  EXPECT_EQ(gpt2.encode("aba<think>ab<s>", true), (std::vector<Id>{2, 0, 5, 2, 3}));
  EXPECT_EQ(llama.encode("aba<think>ab<s>", true), (std::vector<Id>{3, 6, 5, 2, 3}));
  EXPECT_TRUE(llama.specials().add_bos);
  EXPECT_FALSE(gpt2.specials().add_bos);
  EXPECT_TRUE(gpt2.is_special(3));
  EXPECT_FALSE(gpt2.is_special(5));
  EXPECT_EQ(gpt2.decode(std::vector<Id>{3, 5, 2}, true), "<think>ab");
}

TEST(GgufTokenizer, BrokenMetadataIsRefusedWithTheReason) {
  const std::string tokens = "tokenizer.ggml.tokens", merges = "tokenizer.ggml.merges";
  struct Row {
    std::string got, wanted;
  };
  const Row rows[] = {
      {Metadata().message(), "tokenizer is '(absent)'"},
      {Metadata().string("tokenizer.ggml.model", "llama").message(), "tokenizer is 'llama'"},
      {good("tekken").message(), "'tekken' is not supported"},
      {start().message(), "lists no tokens"},
      {start().strings(tokens, kTokens).message(), "no merges"},
      {start().strings(tokens, kTokens).strings(merges, {"ab"}).message(), "not two tokens"},
      {start().strings(tokens, kTokens).strings(merges, {"b a"}).message(), "needs the token 'ba'"},
      {start().strings(tokens, {"a", "b", "a", "ab"}).strings(merges, {"a b"}).message(),
       "two ids, 0 and 2"},
      {start()
           .strings(tokens, kTokens)
           .strings(merges, {"a b"})
           .integers("tokenizer.ggml.token_type", {1, 1})
           .message(),
       "wanted 7 types, one a token, got 2"},
      {good("gpt-2").integer("tokenizer.ggml.eos_token_id", 7).message(),
       "eos_token_id is 7, wanted 0 … 6"},
  };
  for (const Row& row : rows) EXPECT_NE(row.got.find(row.wanted), std::string::npos) << row.got;
}

}  // namespace temper::token
