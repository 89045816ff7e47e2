#include "temper/app/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTwo = R"(output_dir: OUT
variables: {rows: OUT/rows.jsonl, rate: 1e-5}
stages:
  - name: sft
    command: sft
    options: {dataset_name: "${rows}", learning_rate: "${rate}", max_steps: 3}
  - name: ppo
    command: ppo
    options:
      model_name_or_path: ${sft}/best
      reward_funcs: [exact, "${rate}"]
)";

class Pipelines : public testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::temp_directory_path() /
        ("pipeline_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_);
    put("rows.jsonl", "one\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name) << text;
  }
  std::string path(const std::string& name) const { return (root_ / name).string(); }

  std::string write(std::string text) const {
    for (size_t at; (at = text.find("OUT")) != std::string::npos;) text.replace(at, 3, root_);
    put("pipeline.yaml", text);
    return path("pipeline.yaml");
  }
  Pipeline read(const std::string& text, const Overrides& overrides = {}) const {
    return read_pipeline(write(text), overrides);
  }
  std::string refusal(const std::string& text) const {
    try {
      const Pipeline pipeline = read(text);
      for (const Stage& stage : pipeline.stages) resolve(pipeline, stage);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  /// Runs with commands that only make their folders; which of them ran, and how.
  std::vector<std::string> ran(const Pipeline& pipeline, const std::string& stops_in = "") const {
    std::vector<std::string> calls;
    run(
        pipeline,
        [&](const Call& call) {
          calls.push_back(call.command + (call.resume ? " resumed" : ""));
          fs::create_directories(call.output_dir);
          std::ofstream(call.output_dir + "/config.yaml") << "x";
          return call.command == stops_in ? Outcome::Interrupted : Outcome::Done;
        },
        [](const Stage&, const std::string&) {});
    return calls;
  }

  fs::path root_;
};

using Calls = std::vector<std::string>;

TEST_F(Pipelines, OptionsAreReplacedAndInputsFound) {
  const Pipeline pipeline = read(kTwo, {.output_dir = "", .variables = {{"rate", "2e-5"}}});
  const Resolved sft = resolve(pipeline, pipeline.stages[0]);
  EXPECT_EQ(sft.yaml, "dataset_name: " + config::yaml_scalar(path("rows.jsonl")) +
                          "\nlearning_rate: " + config::yaml_scalar("2e-5") + "\nmax_steps: 3\n");
  const Resolved ppo = resolve(pipeline, pipeline.stages[1]);
  EXPECT_EQ(ppo.after, std::vector<std::string>{"sft"});
  EXPECT_NE(ppo.yaml.find(path("sft/best")), std::string::npos);
  EXPECT_TRUE(ppo.files.empty());
}

TEST_F(Pipelines, AFinishedStageIsKeptUntilWhatItIsMadeFromChanges) {
  fs::create_directories(root_ / "out");
  const Overrides elsewhere{.output_dir = path("out"), .variables = {}};
  EXPECT_EQ(ran(read(kTwo, elsewhere)), (Calls{"sft", "ppo"}));
  EXPECT_EQ(ran(read(kTwo, elsewhere)), Calls{});
  put("rows.jsonl", "one\ntwo\n");  // both take from it, one through the other
  EXPECT_EQ(ran(read(kTwo, elsewhere)), (Calls{"sft", "ppo"}));
  EXPECT_TRUE(file::exists(path("out/sft.1")));
  std::string other = kTwo;
  other.replace(other.find("[exact"), 6, "[number");
  EXPECT_EQ(ran(read(other, elsewhere)), Calls{"ppo"});
  fs::remove_all(root_ / "out/sft");  // what is gone is made again
  EXPECT_EQ(ran(read(other, elsewhere)), Calls{"sft"});
}

TEST_F(Pipelines, AStoppedStageGoesOn) {
  fs::create_directories(root_ / "out");
  const Overrides elsewhere{.output_dir = path("out"), .variables = {}};
  EXPECT_EQ(ran(read(kTwo, elsewhere), "sft"), Calls{"sft"});
  EXPECT_EQ(ran(read(kTwo, elsewhere)), (Calls{"sft resumed", "ppo"}));
}

TEST_F(Pipelines, ErrorsNameTheStage) {
  try {
    run(
        read(kTwo),
        [](const Call&) -> Outcome {
          throw Error({"no rows", "", "write some"});
        },
        [](const Stage&, const std::string&) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.parts().where.find("stage 'sft'"), std::string::npos) << error.what();
  }
}

TEST_F(Pipelines, WhatCannotBeReadIsNamedWithItsLine) {
  EXPECT_NE(refusal("stages: []").find("no stages"), std::string::npos);
  EXPECT_NE(refusal("output_dir: x\nstagse: 1\nstages: [{name: a, command: sft}]").find(":2"),
            std::string::npos);
  EXPECT_NE(refusal("stages: [{name: a, command: sft}]").find("output_dir"), std::string::npos);
  EXPECT_NE(refusal("output_dir: x\nstages: [{name: A b, command: sft}]").find("cannot name"),
            std::string::npos);
  EXPECT_NE(refusal("output_dir: x\nstages: [{name: a}]").find("no 'command'"), std::string::npos);
  EXPECT_NE(
      refusal("output_dir: x\nstages:\n  - {name: a, command: sft}\n  - {name: a, command: sft}")
          .find("named twice"),
      std::string::npos);
  EXPECT_NE(refusal("output_dir: x\nstages: [{name: a, command: sft, options: {m: \"${b}\"}}]")
                .find("neither a variable nor an earlier stage"),
            std::string::npos);
  EXPECT_NE(refusal("output_dir: x\nstages: [{name: a, command: sft, options: {output_dir: y}}]")
                .find("is the pipeline's"),
            std::string::npos);
  try {
    read(kTwo, {.output_dir = "", .variables = {{"ratte", "1"}}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'rate'"), std::string::npos);
  }
}

}  // namespace
}  // namespace temper::pipeline
