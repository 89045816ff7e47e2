// temper ppo in process: what it leaves, and who reads it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

TEST(PpoCommand, LeavesAModelAndACriticThatScoreAndPpoRead) {
  const std::string folder = fresh_folder("ppo");
  std::ofstream rows(folder + "/rows.jsonl");
  for (int i = 0; i < 5; ++i)
    rows << R"({"prompt": "say )" << i << R"(", "answer": "[a-m]"})"
         << "\n";
  rows.close();
  auto run = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> args = {"--model_name_or_path",
                                     small_model(),
                                     "--dataset_name",
                                     folder + "/rows.jsonl",
                                     "--reward_funcs",
                                     "regex",
                                     "--output_dir",
                                     folder + "/" + name,
                                     "--max_steps",
                                     "2",
                                     "--per_device_train_batch_size",
                                     "4",
                                     "--num_ppo_epochs",
                                     "2",
                                     "--response_length",
                                     "6",
                                     "--dtype",
                                     "float32"};
    args.insert(args.end(), more.begin(), more.end());
    return run_command("ppo", args);
  };
  Ran ran = run("first", {});
  EXPECT_EQ(ran.exit, Exit::Done) << ran.error;
  const std::string critic = folder + "/first/value_model";
  const Ran scored = run_command("score", {"--model", critic, "--dtype", "float32"},
                                 R"({"prompt": "say 1", "completion": "hello"})");
  EXPECT_TRUE(scored.lines()[0]["reward"].is_number()) << scored.out;
  const std::string report = file::read_file(folder + "/first/report.html");
  for (const char* chart : {"Value loss", "Explained variance", "Price of the KL"})
    EXPECT_NE(report.find(chart), std::string::npos) << chart;
  ran = run("second", {"--value_model_name_or_path", critic, "--value_warmup_steps", "1"});
  EXPECT_EQ(ran.exit, Exit::Done) << ran.error;
  ran = run("third", {"--value_model_name_or_path", folder + "/nothing"});
  EXPECT_NE(ran.exit, Exit::Done);
  EXPECT_NE(ran.error.find("nothing"), std::string::npos);
  ran = run("fourth", {"--lora_dropout", "0.1"});
  EXPECT_NE(ran.exit, Exit::Done);
  EXPECT_NE(ran.error.find("lora_dropout"), std::string::npos) << ran.error;
}

TEST(PpoCommand, OtherMembersHaveNoCritic) {
  const Ran help = run_command("ppo", {"--help"}), other = run_command("grpo", {"--help"});
  EXPECT_NE(help.out.find("--value_learning_rate"), std::string::npos);
  EXPECT_EQ(other.out.find("--value_learning_rate"), std::string::npos);
}

}  // namespace
}  // namespace temper::cli
