// The commands of the preference family, in process, on a small model.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

std::string pairs(const std::string& folder) {
  const std::string path = folder + "/pairs.jsonl";
  std::ofstream rows(path);
  for (int i = 0; i < 8; ++i) {
    const std::string number = std::to_string(i);
    rows << R"({"prompt": "say )" << number << R"(", "chosen": " hello )" << number
         << R"(", "rejected": " no"})"
         << "\n";
  }
  return path;
}

TEST(Prefer, EveryCommandTrainsAndReports) {
  for (const std::string name : {"dpo", "cpo", "orpo"}) {
    const std::string folder = fresh_folder("prefer_" + name);
    const Ran ran =
        run_command(name, {"--model_name_or_path", small_model(), "--dataset_name", pairs(folder),
                           "--output_dir", folder + "/run", "--max_steps", "2", "--test_split_size",
                           "2", "--per_device_train_batch_size", "2", "--beta", "0.2"});
    ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
    EXPECT_TRUE(file::exists(folder + "/run/model.safetensors"));
    const Json summary =
        text::parse_json(file::read_file(folder + "/run/summary.json"), "summary.json");
    EXPECT_EQ(summary["command"], name);
    if (name == "dpo") {
      EXPECT_EQ(summary["loss"]["first"], std::numbers::ln2);
    }
    const std::string report = file::read_file(folder + "/run/report.html");
    EXPECT_NE(report.find("Preference accuracy"), std::string::npos);
    EXPECT_EQ(report.find("Reward parts"), std::string::npos);
  }
}

std::string answers(const std::string& folder, bool some_bad) {
  const std::string path = folder + "/answers.jsonl";
  std::ofstream rows(path);
  for (int i = 0; i < 8; ++i) {
    rows << R"({"prompt": "say )" << i << R"(", "completion": " hello", "label": )"
         << (some_bad && i % 4 == 0 ? "false" : "true") << "}\n";
  }
  return path;
}

TEST(Prefer, AnswersWithLabelsTrainToo) {
  for (const auto& [name, first] : {std::pair{"kto", 0.5}, std::pair{"bco", std::numbers::ln2}}) {
    const std::string folder = fresh_folder("prefer_" + std::string(name));
    auto ran = [&](const std::string& rows, const std::string& out) {
      return run_command(
          name, {"--model_name_or_path", small_model(), "--dataset_name", rows, "--output_dir",
                 folder + out, "--max_steps", "2", "--per_device_train_batch_size", "8"});
    };
    const Ran both = ran(answers(folder, true), "/both");
    ASSERT_EQ(both.exit, Exit::Done) << both.error;
    EXPECT_NE(both.out.find("answers    8 to train on"), std::string::npos) << both.out;
    EXPECT_EQ(
        both.out.find("--desirable_weight 0.33 to 0.44, or --undesirable_weight 2.25 to 3.00") ==
            std::string::npos,
        name == std::string("bco"))
        << both.out;
    const Json summary =
        text::parse_json(file::read_file(folder + "/both/summary.json"), "summary.json");
    EXPECT_EQ(summary["loss"]["first"], first);
    const std::string report = file::read_file(folder + "/both/report.html");
    EXPECT_NE(report.find("Implicit rewards"), std::string::npos);
    EXPECT_EQ(report.find("Preference accuracy"), std::string::npos);
    const Ran good = ran(answers(folder, false), "/good");
    EXPECT_NE(good.out.find("all 8 labels are true: nothing says what to avoid"), std::string::npos)
        << good.out << good.error;
    EXPECT_NE(ran(pairs(folder), "/pairs").out.find("answers    16 to train on"),
              std::string::npos);
  }
  const Ran shown = run_command("data", {"show", answers(fresh_folder("prefer_show_answers"), true),
                                         "--model", small_model()});
  EXPECT_NE(shown.out.find("rejected  hello"), std::string::npos) << shown.out << shown.error;
  EXPECT_NE(run_command("kto", {"--help"}).out.find("--undesirable_weight"), std::string::npos);
}

TEST(Prefer, HelpNamesItsOptionsAndMistakesAreUsage) {
  const Ran help = run_command("dpo", {"--help"});
  EXPECT_EQ(help.exit, Exit::Done);
  for (const char* option : {"--loss_type", "--beta", "--ld_alpha", "--max_length"}) {
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
  }
  EXPECT_NE(run_command("dpo", {"--bata", "1"}).error.find("beta"), std::string::npos);
}

TEST(Prefer, DataShowPrintsPairs) {
  const std::string folder = fresh_folder("prefer_show");
  const Ran shown =
      run_command("data", {"show", pairs(folder), "--model", small_model(), "--rows", "1"});
  ASSERT_EQ(shown.exit, Exit::Done) << shown.error;
  EXPECT_NE(shown.out.find("chosen    hello 0"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("rejected  no"), std::string::npos);
}

TEST(Plan, SaysWhatACommandTakesAndLeavesNothing) {
  const std::string folder = fresh_folder("plan");
  std::vector<std::string> args = {"dpo",
                                   "--model_name_or_path",
                                   small_model(),
                                   "--dataset_name",
                                   pairs(folder),
                                   "--output_dir",
                                   folder + "/run",
                                   "--max_steps",
                                   "2",
                                   "--per_device_train_batch_size",
                                   "2"};
  const Ran ran = run_command("plan", args);
  ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
  for (const char* part : {"plan ", "GB peak", "memory ", "time ", "disk ", "steps      2"})
    EXPECT_NE(ran.out.find(part), std::string::npos) << part << " in " << ran.out;
  EXPECT_FALSE(file::exists(folder + "/run"));
  EXPECT_NE(run_command("plan", {"dop"}).error.find("did you mean 'dpo'"), std::string::npos);
  args.back() = "0";
  EXPECT_NE(run_command("plan", args).error.find("per_device_train_batch_size"), std::string::npos);
}

}  // namespace
}  // namespace temper::cli
