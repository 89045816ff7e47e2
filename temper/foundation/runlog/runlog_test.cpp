#include "temper/foundation/runlog/runlog.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "temper/foundation/error/error.h"
#include "temper/foundation/runlog/tensorboard.h"

namespace temper::runlog {
namespace {

// A folder of the test's own, empty; it stays behind for golden/tensorboard_events.py read.
std::string fresh_folder(const std::string& name) {
  std::string folder = testing::TempDir() + "/runlog_test/" + name;
  std::filesystem::remove_all(folder);
  return folder;
}

std::vector<Json> lines(const std::string& path) {
  std::vector<Json> rows;
  std::istringstream stream(file::read_file(path));
  for (std::string line; std::getline(stream, line);) rows.push_back(text::parse_json(line, path));
  return rows;
}

std::string hex(const std::string& bytes) {
  std::string out;
  for (unsigned char c : bytes) {
    for (int digit : {c >> 4, c & 15}) out += "0123456789abcdef"[digit];
  }
  return out;
}

}  // namespace

// Recorded from TensorBoard's writer by golden/tensorboard_events.py.
TEST(TensorBoard, EncodesTheBytesItsOwnWriterDoes) {
  std::string path = SOURCE_DIR "/golden/tensorboard_events.json";
  Json golden = text::parse_json(file::read_file(path), path);
  EXPECT_EQ(hex(event_file_header(1700000000.25)), golden["header"]);
  EXPECT_EQ(hex(scalar_event({1700000000.25, 300},
                             {{"train/loss", 2.3125}, {"train/rewards/count/mean", -1e-5}})),
            golden["scalars"]);
  EXPECT_EQ(hex(text_event({1700000000.25, 1}, "batch", "Grüße ✓")), golden["text"]);
}

TEST(TensorBoard, FilesMetricsAsTransformersDoes) {
  EXPECT_EQ(tensorboard_tag("eval_loss"), "eval/loss");
  EXPECT_EQ(tensorboard_tag("test_reward"), "test/reward");
  EXPECT_EQ(tensorboard_tag("rewards/count/mean"), "train/rewards/count/mean");
}

TEST(RunLog, AppendsOneLineAStep) {
  std::string folder = fresh_folder("append");
  {
    RunLog log(folder);
    log.log({.step = 1, .epoch = 0.5, .values = {{"loss", 2.5}, {"grad_norm", NAN}}});
    log.rollout({{"text", "Grüße"}, {"reward", 1.5}});
    log.rejected({{"row", 7}, {"why", "no prompt"}});
    log.text(1, "batch", "decoded");
    log.log({.step = 2, .epoch = 1, .values = {{"loss", 2.25}, {"eval_loss", 3}}});
    log.write_config("beta: 0.1\n");
    log.write_summary({{"steps", 2}});
  }
  std::vector<Json> metrics = lines(folder + "/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_GT(metrics[0]["time"].get<double>(), 1.7e9);
  metrics[0].erase("time");
  EXPECT_EQ(metrics[0].dump(), R"({"step":1,"epoch":0.5,"loss":2.5,"grad_norm":null})");
  EXPECT_EQ(metrics[1]["eval_loss"], 3.0);
  EXPECT_EQ(lines(folder + "/rollouts.jsonl")[0]["reward"], 1.5);
  EXPECT_EQ(lines(folder + "/rejected.jsonl")[0]["row"], 7);
  EXPECT_EQ(file::read_file(folder + "/config.yaml"), "beta: 0.1\n");
  EXPECT_EQ(file::read_file(folder + "/summary.json"), "{\n  \"steps\": 2\n}\n");
}

TEST(RunLog, ResumesWithoutAStepTwice) {
  std::string folder = fresh_folder("resume");
  Json offsets;
  {
    RunLog log(folder);
    log.log({.step = 1, .values = {{"loss", 3}}});
    log.rollout({{"step", 1}});
    log.sync();
    offsets = log.offsets();
    log.log({.step = 2, .values = {{"loss", 2}}});  // then the run is killed
    log.rollout({{"step", 2}});
  }
  {
    RunLog log(folder);
    log.truncate_to(text::parse_json(text::to_line(offsets), "state.json"));
    EXPECT_EQ(log.offsets(), offsets);
    log.log({.step = 2, .values = {{"loss", 2}}});
    log.rollout({{"step", 2}});
  }
  std::vector<Json> metrics = lines(folder + "/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[1]["step"], 2);
  EXPECT_EQ(lines(folder + "/rollouts.jsonl").size(), 2u);
  std::string header = event_file_header(0);
  size_t record = scalar_event({1, 2}, {{"train/loss", 2}, {"train/epoch", 0}}).size();
  EXPECT_EQ(std::filesystem::file_size(folder + "/" + kEventFile), header.size() + 2 * record);
}

TEST(RunLog, RefusesACheckpointThatDoesNotFit) {
  std::string folder = fresh_folder("refuse");
  RunLog log(folder);
  log.log({.step = 1, .values = {}});
  Json offsets = log.offsets(), longer = offsets, nameless = offsets;
  longer["rollouts.jsonl"] = 1000;
  nameless.erase("metrics.jsonl");
  for (const Json& bad : {longer, nameless, Json(3)}) EXPECT_THROW(log.truncate_to(bad), Error);
  EXPECT_EQ(log.offsets(), offsets);
  EXPECT_THROW(RunLog("/proc/no/such"), Error);
}

TEST(RunLog, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::string folder = fresh_folder("full");
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink("/dev/full", folder + "/metrics.jsonl");
  RunLog log(folder);
  EXPECT_THROW(log.log({.step = 1, .values = {}}), Error);
}

}  // namespace temper::runlog
