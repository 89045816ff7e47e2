#include "temper/foundation/file/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::file {

namespace {

/// Writes GGUF field by field, so that each can lie.
struct Builder {
  std::string bytes;
  template <class Number>
  Builder& add(Number number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    return *this;
  }
  Builder& text(std::string_view text) {
    add(uint64_t{text.size()});
    bytes.append(text);
    return *this;
  }
  Builder& key(std::string_view name, uint32_t type) { return text(name).add(type); }
  Builder& header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    bytes = "GGUF";
    return add(version).add(tensors).add(keys);
  }
  Builder& tensor(std::string_view name, std::vector<uint64_t> dims, uint32_t type,
                  uint64_t offset) {
    text(name).add(static_cast<uint32_t>(dims.size()));
    for (uint64_t length : dims) add(length);
    return add(type).add(offset);
  }
  Builder& data(size_t size) {
    bytes.resize((bytes.size() + 31) / 32 * 32 + size, '\1');
    return *this;
  }
  Gguf parse() const { return Gguf::parse(std::as_bytes(std::span(bytes)), "x.gguf"); }
};

Builder good() {
  Builder b;
  b.header(2, 8);
  b.key("name", 8).text("tiny");
  b.key("layers", 4).add(uint32_t{2});
  b.key("minus", 1).add(int8_t{-3});
  b.key("eps", 6).add(0.5f);
  b.key("yes", 7).add(uint8_t{1});
  b.key("words", 9).add(uint32_t{8}).add(uint64_t{2}).text("a").text("");
  b.key("types", 9).add(uint32_t{5}).add(uint64_t{3}).add(1).add(-2).add(3);
  b.key("scores", 9).add(uint32_t{6}).add(uint64_t{1}).add(0.25f);
  b.tensor("a", {4, 2}, 0, 0).tensor("b", {32, 3}, 3, 32).data(32 + 60);
  return b;
}

std::string refusal(const Builder& builder) {
  try {
    builder.parse();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().where.rfind("x.gguf", 0), 0u);
    EXPECT_FALSE(error.parts().try_.empty());
    return error.parts().what;
  }
  return "no error";
}

TEST(Gguf, ReadsValuesAndTensors) {
  Builder builder = good();
  Gguf gguf = builder.parse();
  EXPECT_EQ(gguf.string("name"), "tiny");
  EXPECT_EQ(gguf.integer("layers"), 2);
  EXPECT_EQ(gguf.integer("minus"), -3);
  EXPECT_EQ(gguf.number("eps"), 0.5);
  EXPECT_EQ(gguf.number("layers"), 2.0);
  EXPECT_EQ(gguf.boolean("yes"), true);
  EXPECT_EQ(gguf.strings("words"), (std::vector<std::string_view>{"a", ""}));
  EXPECT_EQ(gguf.integers("types"), (std::vector<int32_t>{1, -2, 3}));
  EXPECT_EQ(gguf.floats("scores"), std::vector<float>{0.25f});
  EXPECT_EQ(gguf.keys().size(), 8u);
  EXPECT_FALSE(gguf.string("none"));
  EXPECT_TRUE(gguf.strings("none").empty());
  EXPECT_FALSE(gguf.has("none"));
  ASSERT_EQ(gguf.tensors().size(), 2u);
  EXPECT_EQ(gguf.find("a")->shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(gguf.find("b")->format, Format::Q4_1);
  EXPECT_EQ(gguf.find("b")->data.size(), 60u);
  EXPECT_EQ(gguf.find("c"), nullptr);
}

TEST(Gguf, AValueOfAnotherTypeIsAnErrorThatNamesBoth) {
  Builder builder = good();
  Gguf gguf = builder.parse();
  EXPECT_THROW(gguf.string("layers"), Error);
  EXPECT_THROW(gguf.integer("eps"), Error);
  EXPECT_THROW(gguf.boolean("layers"), Error);
  EXPECT_THROW(gguf.number("name"), Error);
  EXPECT_THROW(gguf.floats("types"), Error);
  EXPECT_THROW(gguf.integers("scores"), Error);
  try {
    gguf.strings("types");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what,
              "the value of 'types' should be an array of strings, got an array of int32");
  }
}

TEST(Gguf, EveryShorterFileIsRefused) {
  const std::string whole = good().bytes;
  for (size_t size = 0; size < whole.size(); ++size) {
    Builder part{whole.substr(0, size)};
    EXPECT_THROW(part.parse(), Error) << size;
  }
}

TEST(Gguf, HeadersThatLieAreRefusedBeforeAnythingIsAllocated) {
  constexpr uint64_t kHuge = ~uint64_t{0};
  struct Case {
    std::function<void(Builder&)> build;
    const char* says;
  };
  const Case cases[] = {
      {[](Builder& b) { b.bytes = "PK\3\4 and more"; }, "no GGUF file"},
      {[](Builder& b) { b.header(0, 0, 1); }, "wanted GGUF version 2 or 3, got 1"},
      {[](Builder& b) { b.header(0, 0, 0x03000000); }, "big-endian"},
      {[&](Builder& b) { b.header(kHuge, 0); }, "tensors, but only"},
      {[&](Builder& b) { b.header(0, kHuge); }, "keys, but only"},
      {[&](Builder& b) { b.header(0, 1).add(kHuge).add(kHuge); }, "ends inside a key"},
      {[&](Builder& b) { b.header(0, 1).key("a", 8).add(kHuge).add(0); }, "ends inside a string"},
      {[&](Builder& b) { b.header(0, 1).key("a", 9).add(0).add(kHuge); }, "elements of 'a'"},
      {[&](Builder& b) { b.header(0, 1).key("a", 9).add(8).add(kHuge / 8); }, "elements of 'a'"},
      {[](Builder& b) { b.header(0, 1).key("a", 9).add(9).add(uint64_t{0}); }, "array of arrays"},
      {[](Builder& b) { b.header(0, 1).key("a", 13).add(0); }, "unknown type 13"},
      {[](Builder& b) { b.header(0, 2).key("a", 4).add(0).key("a", 4).add(0); },
       "'a' stands twice"},
      {[](Builder& b) { b.header(2, 0).tensor("a", {4}, 0, 0).tensor("a", {4}, 0, 32).data(64); },
       "'a' stands twice"},
      {[](Builder& b) {
         b.header(1, 0).tensor("a", {1, 1, 1, 1, 1}, 0, 0).data(4);
       },
       "5 dimensions"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {0}, 0, 0).data(4); }, "length 0"},
      {[](Builder& b) {
         b.header(1, 0).tensor("a", {1ull << 62, 1ull << 62}, 0, 0).data(4);
       },
       "not possible"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {1ull << 61}, 28, 0).data(4); }, "not possible"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {kHuge}, 0, 0).data(4); },
       "length 18446744073709551615"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {4}, 99, 0).data(16); }, "unknown type 99"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {33}, 3, 0).data(64); },
       "no multiple of Q4_1's block"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {4}, 0, 4).data(64); },
       "no multiple of the alignment"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {4}, 0, kHuge - 31).data(64); }, "too short"},
      {[](Builder& b) { b.header(1, 0).tensor("a", {17}, 0, 0).data(64); }, "too short"},
      {[](Builder& b) { b.header(2, 0).tensor("a", {16}, 0, 0).tensor("b", {4}, 0, 32).data(64); },
       "share bytes"},
      {[](Builder& b) { b.header(0, 1).key("general.alignment", 4).add(0); }, "power of two"},
      {[](Builder& b) { b.header(0, 1).key("general.alignment", 6).add(32.0f); },
       "a whole number, got float32"},
  };
  for (const Case& test : cases) {
    Builder builder;
    test.build(builder);
    EXPECT_NE(refusal(builder).find(test.says), std::string::npos)
        << refusal(builder) << " | " << test.says;
  }
}

TEST(Gguf, OpensTheDemoModel) {
  const std::string path = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!exists(path)) GTEST_SKIP() << "SmolLM2-135M is not there: dev/setup fetches it";
  Gguf gguf = Gguf::open(path);
  EXPECT_EQ(gguf.string("general.architecture"), "llama");
  EXPECT_EQ(gguf.strings("tokenizer.ggml.tokens").size(), 49152u);
  EXPECT_EQ(gguf.find("token_embd.weight")->shape, (std::vector<int64_t>{49152, 576}));
}

}  // namespace
}  // namespace temper::file
