#include "temper/language/token/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"
#include "temper/foundation/text/json.h"
#include "temper/language/token/bpe.h"
#include "temper/language/token/random_text.h"
#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

const std::string kGguf = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";

const Json& golden() {
  static const Json all =
      text::parse_json(file::read_file(SOURCE_DIR "/golden/tokens.json"), "golden/tokens.json");
  return all;
}

std::string quoted_text(const std::string& text) {
  return text::to_line(Json(text));
}

void replace(std::string& text, const std::string& what, const std::string& by) {
  size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), by);
}

// Puts vocabulary and merges into a recorded frame of tokenizer.json.
std::string filled(const Json& entry, const std::vector<std::string>& tokens,
                   const std::vector<std::string>& merges) {
  std::string vocabulary, list, text = text::to_line(entry["frame"]);
  size_t id = 0;
  auto add = [&](const std::string& token) {
    vocabulary += (id == 0 ? "" : ",") + quoted_text(token) + ":" + std::to_string(id);
    ++id;
  };
  for (auto& token : tokens) add(token);
  for (auto& token : entry["extra"]) add(token);
  for (auto& merge : merges) list += (list.empty() ? "" : ",") + quoted_text(merge);
  replace(text, "\"vocab\":{}", "\"vocab\":{" + vocabulary + "}");
  replace(text, "\"merges\":[]", "\"merges\":[" + list + "]");
  return text;
}

std::string small_json(const Json& entry) {
  std::vector<std::string> tokens(byte_symbols().begin(), byte_symbols().end()), merges;
  std::string lines = file::read_file(SOURCE_DIR "/golden/tokens.merges.txt");
  for (size_t at = 0, end; at < lines.size(); at = end + 1) {
    end = lines.find('\n', at);
    std::string merge = lines.substr(at, end - at);
    size_t space = merge.find(' ');
    tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
    merges.push_back(merge);
  }
  return filled(entry, tokens, merges);
}

std::string json_of(const std::string& name) {
  const Json& entry = golden()["tokenizers"][name];
  if (entry["vocabulary"] == "own") return text::to_line(entry["frame"]);
  if (entry["vocabulary"] == "small") return small_json(entry);
  auto gguf = file::Gguf::open(kGguf);
  auto tokens = gguf.strings("tokenizer.ggml.tokens"),
       merges = gguf.strings("tokenizer.ggml.merges");
  return filled(entry, {tokens.begin(), tokens.end()}, {merges.begin(), merges.end()});
}

Tokenizer made(const std::string& name) {
  return Tokenizer::from_json(json_of(name), name);
}

struct Fnv {
  uint64_t value = 0xcbf29ce484222325;
  void add(const std::vector<Id>& ids) {
    for (Id id : ids) step(static_cast<uint32_t>(id));
    step(UINT32_MAX);
  }
  void step(uint32_t word) { value = (value ^ word) * 0x100000001b3; }
  std::string text() const {
    char out[20];
    snprintf(out, sizeof out, "%016lx", static_cast<unsigned long>(value));
    return out;
  }
};

void check_strings(const Tokenizer& tokenizer, const Json& hashes, size_t blocks) {
  Stream stream(42);
  for (size_t block = 0; block < blocks; ++block) {
    Fnv hash;
    for (int i = 0; i < 10000; ++i) hash.add(tokenizer.encode(random_string(stream)));
    ASSERT_EQ(hash.text(), hashes[block].get<std::string>()) << "block " << block;
  }
}

std::string folder_for(const std::string& name) {
  std::string folder = ::testing::TempDir() + "temper_tokenizer_" + name;
  file::remove_folder(folder);
  file::make_folder(folder);
  return folder;
}

std::string message(const std::string& json) {
  try {
    Tokenizer::from_json(json, "here.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// A tokenizer of "a", "b", "ab" with parts of its JSON replaced.
std::string tiny(const std::string& what = "", const std::string& by = "") {
  std::string json =
      R"({"version":"1.0","added_tokens":[{"id":3,"content":"<s>","special":true,"normalized":false}],)"
      R"("normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},)"
      R"("post_processor":null,"decoder":{"type":"ByteLevel"},)"
      R"("model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})";
  if (!what.empty()) replace(json, what, by);
  return json;
}

}  // namespace

class Recorded : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "smollm2" && !file::exists(kGguf)) GTEST_SKIP() << kGguf << " is not there";
  }
};
INSTANTIATE_TEST_SUITE_P(All, Recorded,
                         ::testing::Values("gpt2", "smollm2", "qwen2", "llama3", "other",
                                           "unknown"),
                         [](const auto& info) { return info.param; });

TEST_P(Recorded, TrickyStringsGiveTheRecordedIds) {
  Tokenizer tokenizer = made(GetParam());
  const Json& entry = golden()["tokenizers"][GetParam()];
  for (size_t i = 0; i < golden()["tricky"].size(); ++i) {
    auto text = golden()["tricky"][i].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), entry["ids"][i].get<std::vector<Id>>()) << quoted_text(text);
    if (i >= entry["with_special"].size()) continue;
    EXPECT_EQ(tokenizer.encode(text, true), entry["with_special"][i].get<std::vector<Id>>());
  }
}

TEST_P(Recorded, DecodesAsRecordedAtOnceAndAsAStream) {
  Tokenizer tokenizer = made(GetParam());
  for (auto& row : golden()["tokenizers"][GetParam()]["decoded"]) {
    auto ids = row["ids"].get<std::vector<Id>>();
    EXPECT_EQ(tokenizer.decode(ids), row["text"].get<std::string>()) << row["ids"];
    EXPECT_EQ(tokenizer.decode(ids, true), row["short"].get<std::string>()) << row["ids"];
    for (bool skip : {false, true}) {
      StreamDecoder stream(tokenizer, skip);
      std::string text;
      for (Id id : ids) text += stream.push(id);
      EXPECT_EQ(text + stream.finish(), tokenizer.decode(ids, skip)) << row["ids"];
    }
  }
}

TEST_P(Recorded, TwentyThousandRandomStringsGiveTheRecordedIds) {
  check_strings(made(GetParam()), golden()["tokenizers"][GetParam()]["strings"], 2);
}

class RecordedSlow : public Recorded {};
INSTANTIATE_TEST_SUITE_P(AllSlow, RecordedSlow,
                         ::testing::Values("gpt2", "smollm2", "qwen2", "llama3", "other",
                                           "unknown"),
                         [](const auto& info) { return info.param + "Slow"; });

TEST_P(RecordedSlow, AMillionRandomStringsGiveTheRecordedIds) {
  check_strings(made(GetParam()), golden()["tokenizers"][GetParam()]["strings"], 100);
}

TEST_P(RecordedSlow, TenMegabytesGiveTheRecordedIds) {
  Tokenizer tokenizer = made(GetParam());
  Stream stream(43);
  for (auto& hash : golden()["tokenizers"][GetParam()]["texts"]) {
    std::string text;
    while (text.size() < 1000000) text += segment(stream);
    Fnv got;
    got.add(tokenizer.encode(text));
    EXPECT_EQ(got.text(), hash.get<std::string>());
  }
}

TEST_P(RecordedSlow, EveryCodePointGivesTheRecordedIds) {
  Tokenizer tokenizer = made(GetParam());
  const Json& planes = golden()["tokenizers"][GetParam()]["points"];
  for (uint32_t plane = 0; plane < 17; ++plane) {
    Fnv got;
    for (uint32_t value = plane << 16; value < (plane + 1) << 16; ++value)
      if (value < 0xd800 || value > 0xdfff) got.add(tokenizer.encode(code_point_text(value)));
    EXPECT_EQ(got.text(), planes[plane].get<std::string>()) << "plane " << plane;
  }
}

TEST(UnicodeSlow, NfcOfEveryCodePointAmongMarksIsAsRecorded) {
  Fnv hash;
  for (uint32_t value = 0; value < 0x110000; ++value) {
    if (value >= 0xd800 && value < 0xe000) continue;
    std::string c;
    append_utf8(value, c);
    std::string text =
        nfc("\u0345" + c + "\u0334 " + c + "\u0301" + c + " e\u0301" + c + "\u0323" + c);
    for (char byte : text) hash.step(static_cast<uint8_t>(byte));
  }
  EXPECT_EQ(hash.text(), golden()["nfc"].get<std::string>());
}

TEST(Tokenizer, GgufGivesTheIdsOfTheTokenizerJson) {
  if (!file::exists(kGguf)) GTEST_SKIP() << kGguf << " is not there";
  Tokenizer tokenizer = Tokenizer::from_gguf(file::Gguf::open(kGguf));
  check_strings(tokenizer, golden()["tokenizers"]["smollm2"]["strings"], 1);
  EXPECT_EQ(tokenizer.vocabulary_size(), 49152);
  EXPECT_EQ(tokenizer.bos_text(), "<|im_start|>");
  EXPECT_EQ(tokenizer.eos_text(), "<|im_end|>");
  EXPECT_FALSE(tokenizer.specials().add_bos);
  EXPECT_NE(tokenizer.specials().chat_template.find("<|im_start|>"), std::string::npos);
  EXPECT_TRUE(tokenizer.is_special(2));
  EXPECT_FALSE(tokenizer.is_special(20));
}

TEST(Tokenizer, AGgufTokenizerSurvivesBeingWrittenAsAFolder) {
  if (!file::exists(kGguf)) GTEST_SKIP() << kGguf << " is not there";
  Tokenizer from = Tokenizer::from_gguf(file::Gguf::open(kGguf));
  std::string folder = folder_for("gguf");
  from.write_folder(folder);
  Tokenizer back = Tokenizer::from_folder(folder);
  check_strings(back, golden()["tokenizers"]["smollm2"]["strings"], 1);
  EXPECT_EQ(back.specials().chat_template, from.specials().chat_template);
  EXPECT_EQ(back.specials().pad, from.specials().pad);
  EXPECT_EQ(back.specials().unk, from.specials().unk);
}

TEST(Tokenizer, AFolderGivesSpecialsTemplateAndBos) {
  std::string folder = folder_for("folder");
  file::write_atomically(folder + "/tokenizer.json", tiny());
  file::write_atomically(
      folder + "/tokenizer_config.json",
      R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true,"chat_template":"old"})");
  file::write_atomically(folder + "/special_tokens_map.json", R"({"pad_token":"b"})");
  file::write_atomically(folder + "/chat_template.jinja", "{{ new }}");
  for (int round = 0; round < 2; ++round) {
    Tokenizer tokenizer = Tokenizer::from_folder(folder);
    EXPECT_EQ(tokenizer.encode("ab</s>b", true), (std::vector<Id>{3, 0, 1, 4, 1}));
    EXPECT_EQ(tokenizer.vocabulary_size(), 5);
    EXPECT_EQ(tokenizer.specials().chat_template, "{{ new }}");
    EXPECT_TRUE(tokenizer.specials().add_bos);
    EXPECT_FALSE(tokenizer.specials().add_eos);
    EXPECT_EQ(tokenizer.eos_text(), "</s>");
    EXPECT_EQ(tokenizer.specials().pad, 1);  // named as special: no merge takes it, as above
    EXPECT_TRUE(tokenizer.is_special(1));
    folder = folder_for("folder_again");
    tokenizer.write_folder(folder);
  }
  const Tokenizer again = Tokenizer::from_folder(folder);
  folder = folder_for("folder_padded");
  again.write_folder(folder, 0);
  EXPECT_EQ(Tokenizer::from_folder(folder).specials().pad, 0);
  EXPECT_EQ(Tokenizer::from_folder(folder).specials().chat_template, "{{ new }}");
}

TEST(Tokenizer, AFolderWithoutTokenizerJsonIsRefused) {
  try {
    Tokenizer::from_folder(folder_for("empty"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no tokenizer.json"), std::string::npos);
  }
}

TEST(Tokenizer, BrokenFilesAreRefusedWithTheReason) {
  EXPECT_EQ(message(tiny()), "");
  struct Row {
    std::string json, wanted;
  };
  const Row rows[] = {
      {tiny(R"("merges":["a b"])", R"("merges":[])"), "no merges"},
      {tiny(R"("merges":["a b"])", R"("merge":[])"), "no merges"},
      {tiny(R"(["a b"])", R"(["a c"])"), "needs the token 'c'"},
      {tiny(R"(["a b"])", R"([["b","a"]])"), "needs the token 'ba'"},
      {tiny(R"(["a b"])", R"(["ab"])"), "not two tokens"},
      {tiny(R"(["a b"])", R"(["a b b"])"), "not two tokens"},
      {tiny(R"({"a":0,"b":1,"ab":2})", "[1]"), "vocabulary is not an object"},
      {tiny(R"("b":1)", R"("b":0)"), "have the same id, 0"},
      {tiny(R"("b":1)", R"("b":-1)"), "has id -1"},
      {tiny(R"("b":1)", R"("b":99999999)"), "has id 99999999"},
      {tiny(R"("b":1)", R"("b":"x")"), "not a whole number"},
      {tiny(R"("id":3)", R"("id":2)"), "has id 2, but its place is 3"},
      {tiny(R"("content":"<s>")", R"("content":"ab")"), "has id 3, but its place is 2"},
      {tiny("BPE", "Unigram"), "'Unigram' is not supported"},
      {tiny(R"("normalizer":null)", R"("normalizer":{"type":"Lowercase"})"),
       "'Lowercase' is not supported"},
      {tiny(R"({"type":"ByteLevel","add)", R"({"type":"Metaspace","add)"),
       "'Metaspace' is not supported"},
      {tiny(R"("post_processor":null)", R"("post_processor":{"type":"X"})"),
       "'X' is not supported"},
      {tiny(R"("decoder":{"type":"ByteLevel"})", R"("decoder":{"type":"Fuse"})"),
       "'Fuse' is not supported"},
      {tiny().substr(0, 150), "invalid JSON"},
      {tiny() + "x", "invalid JSON"},
      {"", "invalid JSON"},
      {"[]", "no JSON object"},
      {"{}", "holds no model"},
  };
  for (const Row& row : rows) {
    std::string got = message(row.json);
    EXPECT_NE(got.find(row.wanted), std::string::npos) << row.wanted << "\ngot: " << got;
    EXPECT_NE(got.find("where: here.json"), std::string::npos) << got;
  }
}

TEST(Tokenizer, BytesThatAreNotUtf8SurviveAndDecodeToReplacements) {
  Tokenizer tokenizer = made("gpt2");
  std::string text = "a\xff\xfe b\xe2\x82 c\xc3";
  std::string raw;
  for (Id id : tokenizer.encode(text)) raw += tokenizer.bytes(id);
  EXPECT_EQ(raw, text);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), "a\ufffd\ufffd b\ufffd c\ufffd");
}

TEST(Tokenizer, TheStreamHoldsBackPartOfACodePoint) {
  Tokenizer tokenizer = made("gpt2");
  StreamDecoder stream(tokenizer);
  auto ids = tokenizer.encode("\xf0\x92\x8d\x85");
  ASSERT_GT(ids.size(), 1u);
  for (size_t i = 0; i + 1 < ids.size(); ++i) EXPECT_EQ(stream.push(ids[i]), "");
  EXPECT_EQ(stream.push(ids.back()), "\xf0\x92\x8d\x85");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.finish(), "\ufffd");
}

TEST(Tokenizer, AnIdOutOfRangeIsNamed) {
  Tokenizer tokenizer = Tokenizer::from_json(tiny(), "here.json");
  EXPECT_EQ(tokenizer.token(3), "<s>");
  EXPECT_EQ(tokenizer.id("ab"), 2);
  EXPECT_EQ(tokenizer.id("ba"), std::nullopt);
  EXPECT_THROW(tokenizer.token(4), Error);
  EXPECT_THROW(tokenizer.bytes(-1), Error);
}

// Quadratic merging would take minutes.
TEST(Tokenizer, AMillionLettersWithoutASpaceTakeUnderASecond) {
  Tokenizer tokenizer = made("qwen2");
  std::string text(1000000, 'e');
  for (size_t i = 0; i < text.size(); i += 7) text[i] = 't';
  EXPECT_GT(tokenizer.encode(text).size(), 100000u);
  EXPECT_EQ(tokenizer.encode(std::string(1000000, ' ')).size(),
            tokenizer.encode(std::string(1000000, ' ')).size());
}

TEST(Tokenizer, ThreadsShareOne) {
  Tokenizer tokenizer = made("qwen2");
  std::vector<std::string> texts;
  Stream stream(9);
  for (int i = 0; i < 2000; ++i) texts.push_back(random_string(stream));
  std::vector<std::vector<std::vector<Id>>> got(4);
  std::vector<std::thread> threads;
  for (auto& ids : got)
    threads.emplace_back([&] {
      for (auto& text : texts) ids.push_back(tokenizer.encode(text));
    });
  for (auto& thread : threads) thread.join();
  for (auto& ids : got) EXPECT_EQ(ids, got[0]);
}

}  // namespace temper::token
