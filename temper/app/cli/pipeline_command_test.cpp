// temper run and temper collect, in process, on a small model.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Questions whose answers a random model gives now and then: any text with an h in it.
std::string questions(const std::string& folder) {
  const std::string path = folder + "/questions.jsonl";
  std::ofstream rows(path);
  for (int i = 0; i < 10; ++i)
    rows << R"({"prompt": "say )" << i << R"(", "answer": "h"})"
         << "\n";
  return path;
}

std::vector<std::string> collecting(const std::string& folder, const std::string& keep) {
  return {
      "--model",        small_model(), "--dataset_name",   questions(folder),
      "--reward_funcs", "regex",       "--reward_options", R"({"regex": {"pattern": "[aeiou]"}})",
      "--samples",      "6",           "--keep",           keep,
      "--max_tokens",   "12",          "--output_dir",     folder + "/" + keep};
}

std::vector<Json> rows_of(const std::string& path) {
  std::vector<Json> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) rows.push_back(text::parse_json(line, path));
  return rows;
}

TEST(Collect, KeepsBestAnswersPassedOnesAndPairs) {
  const std::string folder = fresh_folder("collect");
  for (const std::string keep : {"best", "passed", "pairs"}) {
    const Ran ran = run_command("collect", collecting(folder, keep));
    ASSERT_EQ(ran.exit, Exit::Done) << ran.error;
    const std::vector<Json> rows = rows_of(folder + "/" + keep + "/rows.jsonl");
    const Json summary =
        text::parse_json(file::read_file(folder + "/" + keep + "/summary.json"), "summary.json");
    EXPECT_EQ(summary["rows"], rows.size());
    EXPECT_EQ(summary["answers"], 8 * 6);  // every fifth of ten rows is held out
    ASSERT_FALSE(rows.empty()) << keep;
    for (const Json& row : rows) {
      EXPECT_EQ(row["prompt"][0]["role"], "user");
      if (keep == "pairs") {
        EXPECT_GT(row["chosen_reward"], row["rejected_reward"]);
        EXPECT_NE(row["chosen"], row["rejected"]);
      } else {
        EXPECT_EQ(row["reward"], 1);
        EXPECT_TRUE(row["completion"][0]["content"].get<std::string>().find_first_of("aeiou") !=
                    std::string::npos);
      }
    }
  }
  EXPECT_GE(rows_of(folder + "/passed/rows.jsonl").size(),
            rows_of(folder + "/best/rows.jsonl").size());
  EXPECT_TRUE(has(run_command("collect", collecting(folder, "best")).error, "in use"));
  std::vector<std::string> one = collecting(folder, "pairs");
  one[9] = "1";
  EXPECT_TRUE(has(run_command("collect", one).error, "a pair takes two answers"));
}

TEST(Run, RunsStagesOnEachOthersResultsAndKeepsWhatIsUnchanged) {
  const std::string folder = fresh_folder("run");
  const std::string path = folder + "/pipeline.yaml";
  std::ofstream(path) << "output_dir: " << folder << "/out\n"
                      << "variables: {model: " << small_model() << ", steps: 2}\n"
                      << R"(stages:
  - name: rows
    command: collect
    options:
      model: ${model}
      dataset_name: )" << questions(folder)
                      << R"(
      reward_funcs: [regex]
      reward_options: '{"regex": {"pattern": "[aeiou]"}}'
      samples: 4
      max_tokens: 8
  - name: sft
    command: sft
    options:
      model_name_or_path: ${model}
      dataset_name: ${rows}/rows.jsonl
      max_steps: ${steps}
      per_device_train_batch_size: 2
)";
  const Ran first = run_command("run", {path});
  ASSERT_EQ(first.exit, Exit::Done) << first.error << first.out;
  EXPECT_TRUE(has(first.out, "1/2 rows (collect): runs"));
  EXPECT_TRUE(file::exists(folder + "/out/sft/model.safetensors"));
  const Ran again = run_command("run", {path});
  EXPECT_TRUE(has(again.out, "2/2 sft (sft): kept")) << again.out;
  const Ran more = run_command("run", {path, "--set", "steps=3"});
  EXPECT_TRUE(has(more.out, "1/2 rows (collect): kept")) << more.out;
  EXPECT_TRUE(has(more.out, "2/2 sft (sft): runs again")) << more.out;
  EXPECT_TRUE(file::exists(folder + "/out/sft.1/model.safetensors"));
  const Ran dry = run_command("run", {path, "--dry_run", "true"});
  EXPECT_TRUE(has(dry.out, "sft: temper sft --output_dir " + folder + "/out/sft"));
  EXPECT_TRUE(has(run_command("run", {path, "--set", "stepps=3"}).error, "did you mean 'steps'"));
  EXPECT_TRUE(has(run_command("run", {path, "--set", "steps"}).error, "NAME=VALUE"));
}

TEST(Run, ACommandThatCannotBeAStageIsNamedWithItsLine) {
  const std::string folder = fresh_folder("run_bad");
  const std::string path = folder + "/pipeline.yaml";
  std::ofstream(path) << "output_dir: " << folder
                      << "/out\nstages:\n  - {name: a, command: sftt}\n";
  const Ran ran = run_command("run", {path});
  EXPECT_TRUE(has(ran.error, "'sftt' cannot be a stage")) << ran.error;
  EXPECT_TRUE(has(ran.error, "pipeline.yaml:3")) << ran.error;
  EXPECT_FALSE(file::exists(folder + "/out"));
}

}  // namespace
}  // namespace temper::cli
