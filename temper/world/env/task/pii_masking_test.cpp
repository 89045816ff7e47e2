#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/world/env/task.h"

namespace temper::env {
namespace {

TEST(PiiMaskingRows, AreReadFromAFileInstead) {
  std::string path = testing::TempDir() + "pii-" + std::to_string(getpid()) + ".jsonl";
  file::write_atomically(
      path,
      "{\"prompt\": \"I am Ann.\", \"answer\": \"I am [PII].\", \"info\": {\"pii_count\": 1}}\n"
      "{\"question\": \"Hi\", \"answer\": \"Hi\", \"info\": {\"pii_count\": 0}}\n");
  auto environment = make_environment("pii_masking", {{"path", path}, {"held_out_path", path}});
  file::remove_folder(path);
  ASSERT_EQ(environment->size(Split::HeldOut), 2);
  Row row = environment->row(Split::Train, 0, 9);
  ASSERT_EQ(row.prompt.size(), 2u);
  EXPECT_EQ(row.prompt[1].content, "I am Ann.");
  EXPECT_EQ(environment->row(Split::Train, 1, 9).prompt[1].content, "Hi");
  auto episode = environment->begin(row);
  episode->step("<masked_output>\nI am [PII].\n</masked_output>");
  EXPECT_DOUBLE_EQ(episode->score().reward, 1.6);
}

TEST(PiiMaskingRows, WithoutACountAreUnscorable) {
  std::string path = testing::TempDir() + "pii-bare-" + std::to_string(getpid()) + ".jsonl";
  file::write_atomically(path, "{\"prompt\": \"I am Ann.\", \"answer\": \"I am [PII].\"}\n");
  auto environment = make_environment("pii_masking", {{"path", path}, {"held_out_path", path}});
  file::remove_folder(path);
  auto episode = environment->begin(environment->row(Split::Train, 0, 9));
  episode->step("<masked_output>I am [PII].</masked_output>");
  reward::Verdict verdict = episode->score();
  EXPECT_EQ(verdict.outcome, reward::Outcome::Unscorable);
  EXPECT_EQ(verdict.reason, "count: the row has no info.pii_count");
}

}  // namespace
}  // namespace temper::env
