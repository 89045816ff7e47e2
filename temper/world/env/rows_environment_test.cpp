#include "temper/world/env/rows_environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::env {
namespace {

class RewardRows : public testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() /
             ("temper_reward_rows_" + std::to_string(::getpid()) + ".jsonl"))
                .string();
    std::ofstream rows(path_);
    for (int i = 0; i < 10; ++i)
      rows << "{\"prompt\": \"2 + " << i << "\", \"answer\": \"" << 2 + i << "\"}\n";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  static reward::Verdict judged(const Environment& environment, const std::string& text) {
    const auto episode = environment.begin(environment.row(Split::Train, 0, 1));
    episode->step(text);
    return episode->score();
  }
  std::string refusal(const RewardFunctions& functions) const {
    try {
      dataset_environment(functions);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }
  RewardFunctions functions(std::vector<std::string> names) const {
    return {
        .dataset = path_, .names = std::move(names), .weights = {}, .options = {}, .parser = ""};
  }
  static JsonPtr json(const std::string& text) {
    return std::make_shared<const Json>(Json::parse(text));
  }

  std::string path_;
};

TEST_F(RewardRows, TextIsJudgedWhole) {
  const auto environment = dataset_environment(functions({"exact"}));
  EXPECT_EQ(environment->size(Split::Train), 8);
  EXPECT_EQ(environment->size(Split::HeldOut), 2);
  EXPECT_EQ(judged(*environment, " 2\n").reward, 1);
  EXPECT_EQ(judged(*environment, "It is 2").reward, 0);
}

TEST_F(RewardRows, XmlFormatReadsTheAnswerTag) {
  RewardFunctions wanted = functions({"exact", "xml_format"});
  wanted.weights = {1, 0.5};
  const auto environment = dataset_environment(wanted);
  EXPECT_DOUBLE_EQ(environment->rubric().highest(), 1.5);
  const Row row = environment->row(Split::Train, 0, 1);
  EXPECT_DOUBLE_EQ(judged(*environment, environment->demonstration(row)).reward, 1.5);
  EXPECT_EQ(judged(*environment, "2").reward, 0);
}

TEST_F(RewardRows, ParserAndOptionsCanBeGiven) {
  RewardFunctions wanted = functions({"regex"});
  wanted.parser = "last_line";
  wanted.options = json(R"({"regex": {"pattern": "^b$"}})");
  EXPECT_EQ(judged(*dataset_environment(wanted), "a\nb").reward, 1);
}

TEST_F(RewardRows, MistakesAreNamed) {
  EXPECT_NE(refusal(functions({})).find("no reward function is named"), std::string::npos);
  EXPECT_NE(refusal(functions({"exactt"})).find("did you mean 'exact'"), std::string::npos);
  RewardFunctions wanted = functions({"exact"});
  wanted.weights = {1, 2};
  EXPECT_NE(refusal(wanted).find("wanted one weight a reward function, 1, got 2"),
            std::string::npos);
  wanted = functions({"exact"});
  wanted.options = json(R"({"number": {}})");
  EXPECT_NE(refusal(wanted).find("'number', which is not one of --reward_funcs"),
            std::string::npos);
  wanted.options = json("[]");
  EXPECT_NE(refusal(wanted).find("wanted an object of verifiers"), std::string::npos);
  wanted = functions({"exact"});
  wanted.parser = "xm";
  EXPECT_NE(refusal(wanted).find("--answer_parser"), std::string::npos);
}

}  // namespace
}  // namespace temper::env
