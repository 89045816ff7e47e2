// The commands of the score family, and what `temper score` says of their models, in process.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

/// Trains on rows of this kind; gives the run's folder.
std::string trained(const std::string& command, const std::vector<std::string>& more = {}) {
  const std::string folder = fresh_folder("score_" + command + std::to_string(more.size()));
  std::ofstream rows(folder + "/rows.jsonl");
  for (int i = 0; i < 8; ++i) {
    const std::string number = std::to_string(i);
    if (command == "prm") {
      rows << R"({"prompt": "say )" << number
           << R"(", "completions": ["one", "two"], "labels": [true, false]})"
           << "\n";
    } else {
      rows << R"({"prompt": "say )" << number << R"(", "chosen": " hello", "rejected": " no"})"
           << "\n";
    }
  }
  rows.close();
  std::vector<std::string> args = {"--model_name_or_path",
                                   small_model(),
                                   "--dataset_name",
                                   folder + "/rows.jsonl",
                                   "--output_dir",
                                   folder + "/run",
                                   "--max_steps",
                                   "2",
                                   "--test_split_size",
                                   "2",
                                   "--dtype",
                                   "float32",
                                   "--per_device_train_batch_size",
                                   "2"};
  args.insert(args.end(), more.begin(), more.end());
  const Ran ran = run_command(command, args);
  EXPECT_EQ(ran.exit, Exit::Done) << ran.error;
  EXPECT_NE(ran.out.find("temper score --model"), std::string::npos);
  EXPECT_NE(file::read_file(folder + "/run/report.html").find("Accuracy"), std::string::npos);
  return folder + "/run";
}

std::vector<Json> scored(const std::string& model, const std::string& input) {
  const Ran ran = run_command("score", {"--model", model, "--dtype", "float32"}, input);
  EXPECT_EQ(ran.exit, Exit::Done) << ran.error;
  return ran.lines();
}

TEST(ScoreCommand, ARewardModelIsTrainedAndAsked) {
  const std::string run = trained("reward");
  const std::vector<Json> lines =
      scored(run,
             "{\"prompt\": \"say 1\", \"completion\": \" hello\"}\n{\"tokens\": [1, 2, 3]}\n"
             "{\"tokens\": [1, 2, 3, 258]}\n{\"text\": \"say\"}\n{\"prompt\": \"a\"}\n"
             "{\"tokens\": [1], \"best\": 2}\n");
  ASSERT_EQ(lines.size(), 6u);
  for (size_t i : {0u, 1u, 2u, 3u}) EXPECT_TRUE(lines[i]["reward"].is_number()) << lines[i].dump();
  EXPECT_EQ(lines[0]["tokens"].back(), 260);          // the end token is part of the answer
  EXPECT_EQ(lines[1]["reward"], lines[2]["reward"]);  // padding is not
  EXPECT_TRUE(lines[4].contains("error"));
  EXPECT_NE(lines[5].dump().find("'best'"), std::string::npos);
}

TEST(ScoreCommand, AnAdapterIsAskedAndExported) {
  const std::string run = trained("reward", {"--use_peft", "true"});
  const std::string input = "{\"tokens\": [72, 256, 111]}\n";
  const double reward = scored(run, input)[0]["reward"];
  const std::string folder = fresh_folder("score_export") + "/merged";
  const Ran ran = run_command("export", {run, "--output_dir", folder, "--dtype", "float32"});
  ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
  EXPECT_NEAR(scored(folder, input)[0]["reward"].get<double>(), reward, 1e-5);
  const Ran inspected = run_command("inspect", {folder});
  EXPECT_NE(inspected.out.find("LlamaForSequenceClassification"), std::string::npos);
}

TEST(ScoreCommand, AProcessRewardModelSaysHowRightEachStepIs) {
  const std::string run = trained("prm");
  const std::vector<Json> lines =
      scored(run,
             "{\"prompt\": \"say 1\", \"completions\": [\"one\", \"two\"]}\n"
             "{\"tokens\": [1, 2, 3], \"step_ends\": [1, 2]}\n"
             "{\"tokens\": [1, 2, 3], \"step_ends\": [2, 1]}\n{\"tokens\": [1, 2, 3]}\n");
  ASSERT_EQ(lines.size(), 4u);
  for (size_t i : {0u, 1u}) {
    ASSERT_EQ(lines[i]["step_rewards"].size(), 2u) << lines[i].dump();
    for (const double reward : lines[i]["step_rewards"]) {
      EXPECT_GT(reward, 0);
      EXPECT_LT(reward, 1);
    }
  }
  EXPECT_NE(lines[2].dump().find("from 0 to 2, ascending"), std::string::npos);
  EXPECT_NE(lines[3].dump().find("no 'step_ends'"), std::string::npos);
  const std::vector<Json> again = scored(
      run, Json({{"tokens", lines[0]["tokens"]}, {"step_ends", lines[0]["step_ends"]}}).dump());
  EXPECT_EQ(again[0]["step_rewards"], lines[0]["step_rewards"]);
}

TEST(ScoreCommand, RewardModelsDoNotSpeak) {
  const std::string run = trained("reward", {"--seed", "7"});
  const std::string error = run_command("sample", {"--model", run, "--prompt", "a"}).error;
  EXPECT_NE(error.find("has a score head, not a language head"), std::string::npos) << error;
  EXPECT_NE(error.find("temper score asks it"), std::string::npos);
}

TEST(ScoreCommand, HelpNamesItsOptions) {
  EXPECT_NE(run_command("reward", {"--help"}).out.find("--center_rewards_coefficient"),
            std::string::npos);
  for (const char* option : {"--step_separator", "--train_on_last_step_only"}) {
    EXPECT_NE(run_command("prm", {"--help"}).out.find(option), std::string::npos) << option;
  }
}

}  // namespace
}  // namespace temper::cli
