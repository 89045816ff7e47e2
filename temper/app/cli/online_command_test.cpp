// The commands whose pairs are sampled, in process, on a small model.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

std::string prompts(const std::string& folder) {
  const std::string path = folder + "/prompts.jsonl";
  std::ofstream rows(path);
  for (int i = 0; i < 20; ++i) {
    rows << R"({"prompt": "say )" << i << R"(", "answer": "[a-m]", "completion": " hello"})"
         << "\n";
  }
  return path;
}

Ran trained(const std::string& name, const std::string& folder, std::vector<std::string> more) {
  std::vector<std::string> args = {"--model_name_or_path",
                                   small_model(),
                                   "--dataset_name",
                                   prompts(folder),
                                   "--output_dir",
                                   folder + "/run",
                                   "--max_steps",
                                   "2",
                                   "--per_device_train_batch_size",
                                   "8",
                                   "--max_new_tokens",
                                   "8"};
  args.insert(args.end(), more.begin(), more.end());
  return run_command(name, args);
}

TEST(OnlineCommand, EveryOneTrainsAndReports) {
  for (const std::string name : {"online_dpo", "xpo", "nash_md"}) {
    const std::string folder = fresh_folder("online_" + name);
    const Ran ran = trained(name, folder, {"--reward_funcs", "regex", "--eval_steps", "1"});
    ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
    EXPECT_TRUE(file::exists(folder + "/run/model.safetensors"));
    const Json summary =
        text::parse_json(file::read_file(folder + "/run/summary.json"), "summary.json");
    EXPECT_EQ(summary["command"], name);
    EXPECT_EQ(summary["mismatch"]["max"], 0);
    EXPECT_GT(summary["mismatch"]["compared"], 0);
    const std::string report = file::read_file(folder + "/run/report.html");
    EXPECT_NE(report.find("Reward parts"), std::string::npos);
  }
}

TEST(OnlineCommand, SpinTrainsOnRowsWithAnswers) {
  const std::string folder = fresh_folder("online_spin");
  const Ran ran = trained("spin", folder, {"--num_spin_iterations", "2", "--test_split_size", "4"});
  ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
  const Json summary =
      text::parse_json(file::read_file(folder + "/run/summary.json"), "summary.json");
  EXPECT_EQ(summary["steps"], 4);
  EXPECT_EQ(summary["loss"]["first"], std::numbers::ln2);
  EXPECT_EQ(summary["mismatch"]["max"], 0);
  EXPECT_NE(file::read_file(folder + "/run/report.html").find("Preference accuracy"),
            std::string::npos);
}

TEST(OnlineCommand, HelpNamesItsOptionsAndItsDefaults) {
  const std::string help = run_command("xpo", {"--help"}).out;
  for (const char* option : {"--alpha", "--missing_eos_penalty", "--reward_model_name_or_path",
                             "--sync_ref_model", "--max_new_tokens"}) {
    EXPECT_NE(help.find(option), std::string::npos) << option;
  }
  EXPECT_NE(run_command("nash_md", {"--help"}).out.find("--mixture_coef"), std::string::npos);
  EXPECT_NE(run_command("spin", {"--help"}).out.find("--num_spin_iterations"), std::string::npos);
  EXPECT_NE(run_command("dpo", {"--help"}).out.find("--ref_model_mixup_alpha"), std::string::npos);
  EXPECT_EQ(run_command("reward", {"--help"}).out.find("--sync_ref_model"), std::string::npos);
  EXPECT_NE(run_command("online_dpo", {"--alhpa", "1"}).error.find("alhpa"), std::string::npos);
}

}  // namespace
}  // namespace temper::cli
