// The conformance suite: every built-in task and the example environment.
#include "temper/world/env/check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/world/env/single_turn.h"
#include "temper/world/env/task.h"

namespace temper::env {
namespace {

constexpr const char* kProblems =
    R"({"question": "Ann has 3 apples and buys 4. How many?", "answer": "3+4=<<3+4=7>>7\n#### 7"}
{"question": "A pen costs $2. What do 600 cost?", "answer": "600*2=<<600*2=1200>>1200\n#### 1,200"}
{"question": "Tom owes 5 more than 0. His balance?", "answer": "It is -5.\n#### -5"}
{"question": "Half of 9?", "answer": "9/2=4.5\n#### 4.5"}
{"question": "10 minus 10?", "answer": "10-10=0\n#### 0"}
)";

/// A task's environment with options that every machine has.
std::unique_ptr<Environment> ready(const std::string& task) {
  if (task != "gsm8k") return make_environment(task, Json::object());
  std::string path = testing::TempDir() + "gsm8k-" + std::to_string(getpid()) + ".jsonl";
  file::write_atomically(path, kProblems);
  auto environment = make_environment(task, {{"path", path}});
  std::filesystem::remove(path);
  return environment;
}

void conform(const Environment& environment, bool seeded) {
  Check result = check(environment, {.rows = 32});
  EXPECT_TRUE(result.passed()) << table(result);
  EXPECT_EQ(result.seeded, seeded);
  for (const auto& rate : result.base_rates) {
    SCOPED_TRACE(rate.policy);
    EXPECT_EQ(rate.unscored, 0);
    EXPECT_EQ(rate.scored, result.checked_rows);
    if (rate.policy == "demonstration") {
      EXPECT_NEAR(rate.mean, result.highest, 1e-9);
    } else if (rate.policy != "invalid_utf8") {  // that one holds the right answer
      EXPECT_LT(rate.mean, 0.35 * result.highest);
    }
  }
}

TEST(Conformance, EveryTask) {
  ASSERT_GE(task_catalogue().size(), 3u);
  for (const NamedTask& row : task_catalogue()) {
    SCOPED_TRACE(row.name);
    auto environment = ready(std::string(row.name));
    EXPECT_EQ(environment->name(), row.name);
    EXPECT_FALSE(row.member->summary.empty());
    EXPECT_TRUE(row.member->schema().is_object());
    conform(*environment, row.name != "gsm8k");
  }
}

TEST(Conformance, TheExampleFromYaml) {
  auto environment = make_environment(SOURCE_DIR "/recipes/env/capitals.yaml", Json());
  EXPECT_EQ(environment->size(Split::Train), 34);
  EXPECT_EQ(environment->size(Split::HeldOut), 12);
  conform(*environment, false);
}

TEST(Conformance, ThePageShowsTheExampleAndItsCheck) {
  std::string path = SOURCE_DIR "/recipes/env/capitals.yaml", yaml = file::read_file(path);
  std::string page = file::read_file(SOURCE_DIR "/docs/environments.md");
  EXPECT_NE(page.find(yaml.substr(yaml.find("name:"))), page.npos);
  EXPECT_NE(page.find(table(check(*make_environment(path, Json()), {}))), page.npos);
  for (const NamedTask& row : task_catalogue()) {
    std::string task_page = SOURCE_DIR "/docs/tasks/" + std::string(row.name) + ".md";
    EXPECT_TRUE(file::exists(task_page)) << task_page;
  }
}

TEST(Check, NamesTheRowThatBreaksAClaim) {
  SingleTurn parts{.name = "broken",
                   .system_prompt = "",
                   .parser = make_parser("text", "", ""),
                   .rubric = reward::Rubric({rubric_part("exact", 1, "exact", Json(), "")}),
                   .size = [](Split) { return int64_t{3}; },
                   .row =
                       [](Split, int64_t index, uint64_t seed) {
                         return Row{.prompt = {{"user", "Say yes.", nullptr}},
                                    .answer = index == 2 ? "no" : "yes",
                                    .info = std::make_shared<const Json>(seed),
                                    .where = "row " + std::to_string(index)};
                       },
                   .demonstration = [](const Row&) { return "yes"; }};
  Check result = check(*single_turn(parts), {});
  EXPECT_FALSE(result.passed());
  EXPECT_TRUE(result.seeded);
  EXPECT_EQ(result.claims.back().detail, "row 2, demonstration");
  EXPECT_FALSE(to_json(result).at("passed").get<bool>());
  EXPECT_NE(table(result).find("FAIL  a demonstration earns the highest reward"),
            std::string::npos);
}

}  // namespace
}  // namespace temper::env
