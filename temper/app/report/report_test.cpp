#include "temper/app/report/report.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "temper/app/report/curves.h"
#include "temper/app/report/html.h"
#include "temper/app/report/page.h"
#include "temper/app/report/run_folder.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::report {
namespace {

constexpr const char* kHostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";

/// A folder that goes away with the test.
class Folder {
 public:
  Folder() : path_(testing::TempDir() + "report_" + info() + "/run") {
    file::remove_folder(path_);
    file::make_folder(path_);
  }
  ~Folder() { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }
  const std::string& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const {
    file::make_folder(std::filesystem::path(path_ + "/" + name).parent_path());
    file::write_atomically(path_ + "/" + name, bytes);
  }

 private:
  static std::string info() {
    return testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  std::string path_;
};

std::string metric_line(int64_t step, double reward) {
  return text::to_line(Json{{"step", step},
                            {"epoch", 0.1},
                            {"time", 1.7e9 + static_cast<double>(step)},
                            {"reward", reward},
                            {"rewards/exact/mean", reward / 2},
                            {"sampling/sampling_logp_difference/max", 0.0},
                            {"num_tokens", 100 * step},
                            {"step_time", 0.5}}) +
         "\n";
}

std::string rollout(const std::string& phase, int64_t prompt, double exact,
                    const std::string& completion) {
  const Json parts = {{"exact", {{"score", exact}, {"weight", 1.0}}},
                      {"format", {{"score", 1.0}, {"weight", 0.1}}}};
  const Json messages = {{{"role", "system"}, {"content", "Mask it."}},
                         {{"role", "user"}, {"content", "Call Ann & Bob"}}};
  return text::to_line(Json{{"phase", phase},
                            {"step", 0},
                            {"prompt_id", prompt},
                            {"sample", 0},
                            {"prompt", messages},
                            {"completion", completion},
                            {"answer", "Call [PII] & [PII]"},
                            {"reward", exact + 0.1},
                            {"outcome", "scored"},
                            {"parts", parts},
                            {"tokens", 9},
                            {"finish", "stop"}}) +
         "\n";
}

/// What the demo leaves: two stages below a folder that holds the evaluations.
void write_demo(const Folder& run) {
  run.write("config.yaml", "model: models/tiny.gguf\nseed: 1\n");
  std::string rollouts;
  for (int64_t p = 0; p < 30; ++p) rollouts += rollout("before", p, 0, "Call Ann");
  for (int64_t p = 0; p < 30; ++p)
    rollouts += rollout("after", p, p < 20 ? 1 : 0, "<masked_output>Call [PII]</masked_output>");
  run.write("rollouts.jsonl", rollouts);
  run.write("sft/config.yaml", "learning_rate: 5.0e-05\n");
  run.write("sft/metrics.jsonl", metric_line(1, 0.2) + metric_line(2, 0.3));
  run.write("sft/decoded_batch.txt", "<|user|>hi⟦ there<|end|>⟧");
  run.write("sft/summary.json", R"({"command": "sft"})");
  run.write("grpo/config.yaml", "env: pii_masking\n");
  run.write("grpo/metrics.jsonl", metric_line(10, 0.4) + metric_line(11, 0.9));
  run.write("grpo/summary.json", R"({"command": "grpo"})");
  run.write("grpo/rejected.jsonl", R"({"where": "row 3", "reason": "no <b>token</b>"})"
                                   "\n");
  run.write("summary.json",
            R"({"seconds": 61, "tokens_per_second": 1180, "peak_bytes": 2600000000,
                "mismatch": {"max": 0, "compared": 98304}, "plan": {"seconds": 50},
                "eval": {"before": {"reward": 0.1, "reward_interval": [0.1, 0.1], "pass@1": 0},
                         "after": {"reward": 0.767, "reward_interval": [0.6, 0.94], "pass@1": 0.667}},
                "machine": {"isa": "avx2", "threads": 2}})");
}

bool has(const std::string& html, const std::string& part) {
  return html.find(part) != std::string::npos;
}
size_t count(const std::string& html, const std::string& part) {
  size_t found = 0;
  for (size_t at = html.find(part); at != std::string::npos; at = html.find(part, at + 1)) ++found;
  return found;
}
/// The page up to the script that every page has.
std::string before_scripts(const std::string& html) {
  return html.substr(0, html.find("<script"));
}

}  // namespace

TEST(Report, ShowsEveryStageInTheOrderTheyBegan) {
  const Folder run;
  write_demo(run);
  const std::string html = report_html(run.path());
  ASSERT_TRUE(has(html, "Stage: sft") && has(html, "Stage: grpo"));
  EXPECT_LT(html.find("Stage: sft"), html.find("Stage: grpo"));
  for (const char* id : {"evaluation", "samples", "stage-1", "stage-2", "plan", "configuration"}) {
    EXPECT_EQ(count(html, fmt::format("<section id=\"{}\"", id)), 1u) << id;
    EXPECT_EQ(count(html, fmt::format("href=\"#{}\"", id)), 1u) << id;
  }
  for (const char* shown : {"tiny.gguf", "pii_masking", "1,180 tokens/s", "2.6 GB",
                            "0 in 98,304 tokens", "1:01", "learning_rate: 5.0e-05"}) {
    EXPECT_TRUE(has(html, shown)) << shown;
  }
  EXPECT_FALSE(has(html, "Read with care"));
}

TEST(Report, GivesTheGainWithItsInterval) {
  const Folder run;
  write_demo(run);
  const RunFolder read = read_run(run.path());
  const std::vector<Evaluated> all = evaluations(read);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].label, "Before");
  EXPECT_EQ(all[1].label, "After GRPO");
  const Gain paired = paired_gain(*all[0].phase, *all[1].phase);
  EXPECT_EQ(paired.prompts, 30u);
  EXPECT_NEAR(paired.gain.mean, 20.0 / 30, 1e-12);
  // 20 ones and 10 zeros: s² = 30/29 · 2/9
  const double half = 1.96 * std::sqrt(30.0 / 29 * 2 / 9 / 30);
  EXPECT_NEAR(paired.gain.low, 20.0 / 30 - half, 1e-12);
  EXPECT_TRUE(has(report_html(run.path()), "GRPO raised the reward: <b>+0.67</b>"));
  EXPECT_TRUE(has(report_html(run.path()), "mean reward 0.10 → 0.77 of 1.10"));
}

// One of four answers is right: 1 - (3 choose k) / (4 choose k).
TEST(Report, EstimatesPassAtKWhenTheSummaryDoesNotSay) {
  const Folder run;
  write_demo(run);
  std::string rollouts;
  for (int sample = 0; sample < 4; ++sample)
    rollouts += rollout("before", 0, sample == 2 ? 1 : 0, "");
  run.write("rollouts.jsonl", rollouts);
  run.write("summary.json", "{}");
  const std::string html = report_html(run.path());
  size_t at = 0;
  for (const char* shown : {"pass@1", ">0.250<", "pass@2", ">0.500<", "pass@4", ">1.000<"}) {
    at = html.find(shown, at);
    ASSERT_NE(at, std::string::npos) << shown;
  }
  EXPECT_FALSE(has(html, "pass@3"));
}

TEST(Report, GivesTheGainToTheStageThatEarnedIt) {
  const Folder run;
  write_demo(run);
  std::string rollouts;
  for (int64_t p = 0; p < 30; ++p) rollouts += rollout("before", p, 0, "");
  for (int64_t p = 0; p < 30; ++p) rollouts += rollout("after_sft", p, 1, "");
  run.write("rollouts.jsonl", rollouts);
  run.write("summary.json", "{}");
  EXPECT_TRUE(has(report_html(run.path()), "SFT raised the reward: <b>+1.00</b>"));
}

TEST(Report, PutsAnswersSideBySideWithMarksColoured) {
  const Folder run;
  write_demo(run);
  const std::string html = report_html(run.path());
  EXPECT_EQ(count(html, "<article"), 12u);
  EXPECT_EQ(count(html, "<article class=\"better\""), 9u);
  EXPECT_EQ(count(html, "<article class=\"same\""), 3u);
  EXPECT_TRUE(has(html, "<span class=\"tag\">&lt;masked_output&gt;</span>Call <mark>[PII]</mark>"));
  EXPECT_TRUE(has(html, "exact <b>1.00</b>"));
  EXPECT_TRUE(has(html, "hi<span class=\"trained\"> there&lt;|end|&gt;</span>"));
}

TEST(Report, EscapesEverythingThatFilesSay) {
  const Folder run;
  write_demo(run);
  const std::string hostile = kHostile;
  run.write("rollouts.jsonl", rollout("before", 0, 0, hostile) + rollout("after", 0, 1, hostile) +
                                  rollout(hostile, 1, 1, hostile));
  run.write("config.yaml", "model: " + hostile + "\nseed: '" + hostile + "'\n");
  run.write("sft/decoded_batch.txt", hostile + "⟦" + hostile);
  run.write("sft/rejected.jsonl", text::to_line(Json{{"where", hostile}, {"reason", hostile}}));
  run.write("grpo/metrics.jsonl",
            text::to_line(Json{{"step", 1}, {hostile, 2}, {"rewards/" + hostile + "/mean", 1}}));
  run.write("summary.json", text::to_line(Json{
                                {"machine", {{hostile, hostile}}},
                                {"plan", {{hostile, hostile}}},
                                {"eval", {{hostile, {{"reward", 1}, {hostile, 1}}}}},
                            }));
  const std::string html = report_html(run.path());
  EXPECT_EQ(count(html, "<script"), 3u);
  EXPECT_EQ(count(html, "</script"), 3u);
  EXPECT_FALSE(has(html, "<img"));
  EXPECT_FALSE(has(before_scripts(html), "alert(1)</"));
  EXPECT_TRUE(has(html, "&lt;img src=x onerror=alert(2)&gt;"));
}

TEST(Report, NeedsNoNetwork) {
  const Folder run;
  write_demo(run);
  const std::string html = before_scripts(report_html(run.path()));
  for (const char* reference : {"http://", "https://", "src=", "@import", "url("})
    EXPECT_FALSE(has(html, reference)) << reference;
}

TEST(Report, OfAnUnfinishedRunSaysSo) {
  const Folder run;
  run.write("config.yaml", "env: gsm8k\n");
  run.write("metrics.jsonl", metric_line(1, 0.5) + "not json\n" + metric_line(2, 0.6) +
                                 R"({"step":3,"epoch":0.2,"ti)");
  run.write("rollouts.jsonl", rollout("train", 0, 1, "fine") + R"({"phase":"train","st)");
  const std::string html = report_html(run.path());
  EXPECT_TRUE(has(html, "not finished: there is no summary.json; the logs reach step 2"));
  EXPECT_TRUE(has(html, "the last line of metrics.jsonl is cut off"));
  EXPECT_TRUE(has(html, "the last line of rollouts.jsonl is cut off"));
  EXPECT_TRUE(has(html, "1 line of metrics.jsonl could not be read (the first is line 2)"));
  EXPECT_TRUE(has(html, "Samples from training"));
}

TEST(Report, OfAFolderWithAConfigAloneIsAPage) {
  const Folder run;
  run.write("config.yaml", "env: gsm8k\n");
  EXPECT_TRUE(has(report_html(run.path()), "not finished"));
}

TEST(Report, ValuesOfTheWrongTypeAreNotFatal) {
  const Folder run;
  run.write("summary.json", R"({"machine": 3, "seconds": "x", "eval": [], "mismatch": 1,
                                "plan": 2, "gain": 4, "command": {}})");
  run.write("metrics.jsonl", "{\"step\": \"x\"}\n{\"step\": 1, \"time\": []}\n[1]\n");
  run.write("rollouts.jsonl", "{\"phase\": 3, \"parts\": 4}\n{\"prompt\": \"p\"}\n{}\n");
  run.write("rejected.jsonl", "{\"where\": 3, \"step\": [1]}\n");
  EXPECT_TRUE(has(report_html(run.path()), "3 lines of metrics.jsonl could not be read"));
}

TEST(Report, RefusesAFolderThatIsNoRun) {
  const Folder run;
  for (const auto& [path, what] : {std::pair<std::string, std::string>{run.path(), "holds no run"},
                                   {run.path() + "/nowhere", "there is no folder"}}) {
    try {
      report_html(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_TRUE(has(error.parts().what, what)) << error.what();
      EXPECT_EQ(error.parts().where, path);
      EXPECT_NE(error.parts().try_, "");
    }
  }
}

TEST(Report, IsWrittenIntoTheFolder) {
  const Folder run;
  write_demo(run);
  write_report(run.path());
  EXPECT_EQ(file::read_file(run.path() + "/report.html"), report_html(run.path()));
}

TEST(Curves, AreThinnedAndKeepTheLargestOfWhatIsALargest) {
  Stage stage;
  MetricTable& table = stage.metrics;
  std::vector<double> spikes;
  for (int i = 0; i < 1200; ++i) {
    table.step.push_back(i);
    table.time.push_back(i);
    spikes.push_back(i == 601 ? 7 : 0);
  }
  table.columns = {{"reward", table.step}, {"sampling/sampling_logp_difference/max", spikes}};
  const Curves drawn = curves(stage, "c");
  EXPECT_EQ(drawn.rows_per_point, 3);
  const Json& charts = (*drawn.data)["charts"];
  ASSERT_EQ(charts.size(), 2u);
  EXPECT_EQ(charts[0]["series"][0]["values"].size(), 400u);
  EXPECT_EQ(charts[0]["series"][0]["values"][1], 4.0);  // of 3, 4, 5
  EXPECT_EQ(charts[1]["series"][0]["values"][200], 7.0);
  EXPECT_EQ((*drawn.data)["axes"]["step"][399], 1199.0);
}

TEST(Rollouts, OfRepeatedEvaluationsTheFirstAndTheLastAreKept) {
  const Folder run;
  std::string lines;
  for (int64_t step : {5, 10, 15, 20}) {
    Json row = text::parse_json(rollout("eval", 0, 1, "x"), "");
    row["step"] = step;
    lines += text::to_line(row) + "\n";
  }
  run.write("rollouts.jsonl", lines);
  const RunFolder read = read_run(run.path());
  ASSERT_EQ(read.root.phases.size(), 2u);
  EXPECT_EQ(read.root.phases[0].step, 5);
  EXPECT_EQ(read.root.phases[1].step, 20);
}

TEST(Html, ShortensAtCodePoints) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "é";
  for (size_t bytes = 100; bytes < 110; ++bytes) {
    const std::string cut = shortened(text, bytes);
    EXPECT_EQ(cut.size() < 200, true);
    EXPECT_EQ(escaped(cut), cut);  // whole code points: nothing was replaced
    EXPECT_TRUE(has(cut, "bytes left out"));
  }
  EXPECT_EQ(shortened("short", 100), "short");
}

TEST(Html, FiguresKeepThreeOrSoDigits) {
  EXPECT_EQ(figure(0), "0");
  EXPECT_EQ(figure(1180.4), "1,180");
  EXPECT_EQ(figure(1.3046), "1.305");
  EXPECT_EQ(figure(0.0432), "0.0432");
  EXPECT_EQ(figure(2.1e-5), "2.1e-05");
  EXPECT_EQ(signed_figure(-0.0512), "−0.05");
}

}  // namespace temper::report
