#include "temper/foundation/file/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::file {

namespace {

std::string file_of(const std::string& header, size_t data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data, '\1');
}

ErrorParts refusal(const std::string& bytes) {
  try {
    Safetensors::parse(std::as_bytes(std::span(bytes)), "m.safetensors");
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().where.rfind("m.safetensors", 0), 0u);
    return error.parts();
  }
  ADD_FAILURE() << "no error for " << bytes.substr(8, 200);
  return {};
}

class SafetensorsFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "temper_safetensors_" + std::to_string(::getpid());
    remove_folder(folder_);
    make_folder(folder_);
  }
  void TearDown() override { remove_folder(folder_); }
  void expect_refused(const char* says) {
    try {
      Safetensors::open_folder(folder_);
      ADD_FAILURE() << "no error; wanted: " << says;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
  std::string folder_;
};

const std::string kTwo =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
    R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})";

TEST(Safetensors, ReadsTensorsAndMetadata) {
  std::string bytes = file_of(kTwo, 16);
  Safetensors file = Safetensors::parse(std::as_bytes(std::span(bytes)), "x");
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[0].name, "a");
  EXPECT_TRUE(file.find("a")->shape.empty());
  EXPECT_EQ(file.find("b")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(file.find("b")->format, Format::BF16);
  EXPECT_EQ(file.find("b")->data.size(), 12u);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_EQ(file.metadata()[0].second, "pt");
}

TEST(Safetensors, EveryShorterFileIsRefused) {
  std::string whole = file_of(kTwo, 16);
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string part = whole.substr(0, size);
    EXPECT_THROW(Safetensors::parse(std::as_bytes(std::span(part)), "x"), Error) << size;
  }
}

TEST(Safetensors, HeadersThatLieAreRefused) {
  struct Case {
    std::string header;
    const char* says;
  };
  auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
           "}}";
  };
  const Case cases[] = {
      {"[]", "should be an object"},
      {"{", "invalid JSON"},
      {R"({"a":1,"a":2})", "stands twice"},
      {R"({"a":1})", "should be an object"},
      {R"({"a":{"dtype":"F32","shape":[4]}})", "dtype, shape and data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}})", "unknown key 'x'"},
      {entry("\"F9\"", "[4]", "[0,16]"), "unknown dtype \"F9\""},
      {entry("7", "[4]", "[0,16]"), "unknown dtype 7"},
      {entry("\"F32\"", "4", "[0,16]"), "should be a list"},
      {entry("\"F32\"", "[-4]", "[0,16]"), "at least 0, got -4"},
      {entry("\"F32\"", "[4.0]", "[0,16]"), "whole number of at least 0, got 4.0"},
      {entry("\"F32\"", "[1e99]", "[0,16]"), "whole number"},
      {entry("\"F32\"", "[4]", "[0,NaN]"), "invalid JSON"},
      {entry("\"F32\"", "[18446744073709551615]", "[0,16]"), "whole number"},
      {entry("\"F32\"", "[4611686018427387904,4]", "[0,16]"), "not possible"},
      {entry("\"F64\"", "[4611686018427387904]", "[0,16]"), "not possible"},
      {entry("\"F32\"", "[4]", "[0]"), "two numbers"},
      {entry("\"F32\"", "[4]", "[16,0]"), "data_offsets give -16 bytes"},
      {entry("\"F32\"", "[3]", "[0,16]"), "takes 12"},
      {entry("\"F32\"", "[4]", "[4,20]"), "wanted 0"},
      {entry("\"F32\"", "[5]", "[0,20]"), "too short"},
      {entry("\"F32\"", "[3]", "[0,12]"), "the file has 16"},
      {R"({"__metadata__":{"format":1}})", "strings alone"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
       R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
       "wanted 16"},
  };
  for (const Case& test : cases) {
    EXPECT_NE(refusal(file_of(test.header, 16)).what.find(test.says), std::string::npos)
        << refusal(file_of(test.header, 16)).what << " | " << test.says;
  }
  std::string huge = file_of("{}", 0);
  std::memset(huge.data(), 0xff, 8);
  EXPECT_NE(refusal(huge).what.find("too short"), std::string::npos);
}

TEST_F(SafetensorsFolder, WhatIsWrittenReadsBack) {
  const std::string path = folder_ + "/model.safetensors";
  std::vector<float> a = {1, 2, 3, 4};
  {
    SafetensorsWriter writer(
        path, {{"a", Format::F32, {2, 2}}, {"none", Format::F32, {0}}, {"b", Format::U8, {3}}});
    writer.write("a", std::as_bytes(std::span(a)).first(6));
    writer.write("a", std::as_bytes(std::span(a)).subspan(6));
    writer.write("b", std::as_bytes(std::span("xyz", 3)));
    EXPECT_FALSE(exists(path)) << "it appears when it is whole";
    writer.close();
  }
  Safetensors file = Safetensors::open_folder(folder_);
  EXPECT_EQ(std::memcmp(file.find("a")->data.data(), a.data(), 16), 0);
  EXPECT_EQ(file.find("b")->data.size(), 3u);
  EXPECT_EQ(file.find("none")->data.size(), 0u);
  EXPECT_EQ(file.metadata()[0], (std::pair<std::string, std::string>("format", "pt")));
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"model.safetensors"});
}

TEST_F(SafetensorsFolder, AnUnfinishedFileLeavesNothing) {
  {
    SafetensorsWriter writer(folder_ + "/a.safetensors", {{"a", Format::F32, {2}}});
    EXPECT_THROW(writer.close(), std::logic_error);
    EXPECT_THROW(writer.write("b", std::as_bytes(std::span("xyz", 3))), std::logic_error);
  }
  EXPECT_TRUE(names_in(folder_).empty());
  EXPECT_THROW(SafetensorsWriter(folder_ + "/no/a.safetensors", {{"a", Format::F32, {2}}}), Error);
}

TEST_F(SafetensorsFolder, ReadsShardsAndSaysWhatIsMissing) {
  expect_refused("neither model.safetensors nor");
  for (std::string name : {"a", "b"}) {
    SafetensorsWriter writer(folder_ + "/" + name + ".safetensors",
                             {{name, Format::U8, {3}}, {"both", Format::U8, {1}}});
    writer.write(name, std::as_bytes(std::span("xyz", 3)));
    writer.write("both", std::as_bytes(std::span(name)));
    writer.close();
  }
  auto index = [&](const std::string& map) {
    write_atomically(folder_ + "/model.safetensors.index.json",
                     R"({"metadata":{},"weight_map":)" + map + "}");
  };
  index(R"({"a":"a.safetensors","b":"b.safetensors","both":"b.safetensors"})");
  Safetensors set = Safetensors::open_folder(folder_);
  EXPECT_EQ(set.tensors().size(), 3u);
  EXPECT_EQ(static_cast<char>(set.find("both")->data[0]), 'b') << "the index decides";
  index(R"({"a":"a.safetensors","c":"b.safetensors"})");
  expect_refused("'c' is not in its shard");
  index(R"({"a":"a.safetensors","b":"c.safetensors"})");
  expect_refused("the shard 'c.safetensors' is missing; 1 tensors");
  index(R"({"a":"../a.safetensors"})");
  expect_refused("not in the folder");
  index(R"({"a":1})");
  expect_refused("a file name");
  index("[]");
  expect_refused("'weight_map'");
}

TEST(Safetensors, ReadsWhatTransformersWrote) {
  Safetensors file = Safetensors::open_folder(SOURCE_DIR "/golden/tiny/qwen2");
  EXPECT_EQ(file.find("model.layers.1.self_attn.q_proj.bias")->shape, std::vector<int64_t>{32});
  EXPECT_EQ(
      Safetensors::open(SOURCE_DIR "/golden/tiny/qwen2/vectors.safetensors").find("ids_0")->format,
      Format::I64);
}

}  // namespace
}  // namespace temper::file
