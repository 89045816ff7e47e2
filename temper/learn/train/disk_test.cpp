// A disk that is full in the middle of a run. A limit on the size of files stands in for it: the
// write fails as it would, at the same call.
#include <sys/resource.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/learn/train/state.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

/// No file of this process grows beyond `bytes` while it lives.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(Training, AFullDiskEndsTheRunAndItsLastCheckpointGoesOn) {
  run_sft(sft_options("whole"));
  const std::atomic<bool> stop{true};
  SftOptions o = sft_options("parts");
  EXPECT_TRUE(run_sft(o, &stop).interrupted);  // leaves step-1
  o.common.resume_from_checkpoint = "true";
  const int64_t model =
      static_cast<int64_t>(read("parts/checkpoints/step-1/model.safetensors").size());
  for (const int64_t bytes : {model - 1, int64_t{1}}) {  // the checkpoint is full, then all is
    const FileLimit limit(static_cast<rlim_t>(bytes));
    const std::string said = message([&] { run_sft(o); });
    EXPECT_NE(said.find((root_ / "parts").string()), std::string::npos) << said;
    EXPECT_NE(said.find("cannot write"), std::string::npos) << said;
  }
  EXPECT_TRUE(newest_checkpoint((root_ / "parts").string())->ends_with("step-1"));
  EXPECT_FALSE(run_sft(o).interrupted);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  EXPECT_TRUE(metrics("whole") == metrics("parts"));
}

}  // namespace
}  // namespace temper::train
