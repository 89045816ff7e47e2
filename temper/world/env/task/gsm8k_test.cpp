#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/world/env/task.h"

namespace temper::env {
namespace {

const std::string kRow =
    R"({"question": "Half of 48?", "answer": "48/2 = <<48/2=24>>24.\n#### 24"})"
    "\n";

double reward(const Environment& environment, const Row& row, const std::string& text) {
  auto episode = environment.begin(row);
  episode->step(text);
  return episode->score().reward;
}

TEST(Gsm8k, ReadsAFolderAsPublished) {
  std::string folder = testing::TempDir() + "gsm8k-folder-" + std::to_string(getpid());
  file::make_folder(folder);
  file::write_atomically(folder + "/train.jsonl", kRow + kRow);
  file::write_atomically(folder + "/test.jsonl", kRow);
  auto environment = make_environment("gsm8k", {{"path", folder}});
  file::remove_folder(folder);
  EXPECT_EQ(environment->size(Split::Train), 2);
  EXPECT_EQ(environment->size(Split::HeldOut), 1);
  Row row = environment->row(Split::HeldOut, 0, 1);
  EXPECT_EQ(row.prompt.back().content, "Half of 48?");
  EXPECT_EQ(environment->demonstration(row), "48/2 = 24.\n#### 24");
  EXPECT_DOUBLE_EQ(reward(*environment, row, "#### 24"), 1.1);
  EXPECT_DOUBLE_EQ(reward(*environment, row, "#### 25"), 0.1);
  EXPECT_DOUBLE_EQ(reward(*environment, row, "It is 24."), 1.0);
  EXPECT_DOUBLE_EQ(reward(*environment, row, "no idea"), 0.0);
}

TEST(Gsm8k, NeedsRowsWithAMarkedNumber) {
  EXPECT_THROW(make_environment("gsm8k", Json()), Error);
  std::string path = testing::TempDir() + "gsm8k-bad-" + std::to_string(getpid()) + ".jsonl";
  file::write_atomically(path,
                         kRow + kRow + kRow + "{\"question\": \"a\", \"answer\": \"4\"}\n" + kRow);
  try {
    make_environment("gsm8k", {{"path", path}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "the answer has no '#### number'");
    EXPECT_EQ(error.parts().where, path + ":4");
  }
  file::remove_folder(path);
}

}  // namespace
}  // namespace temper::env
