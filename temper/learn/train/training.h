// Tiny models, rows and environments for tests of the loops. For tests only; defined in
// train_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "temper/learn/train/policy.h"
#include "temper/learn/train/supervised.h"

namespace temper::train {

/// What an Error says, or that none was thrown.
std::string message(const std::function<void()>& act);

const algo::Policy& policy_member(std::string_view name = "grpo");

/// A folder with a two-layer model over bytes, twelve rows for sft, and an environment in which
/// untrained models earn something now and then.
class Training : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// The tiny model, a run folder of that name, and checkpoints by steps only.
  CommonOptions common_options(const std::string& name) const;
  /// Says nothing on the terminal.
  static Setting setting(const std::string& command, const std::string& config_yaml,
                         const std::atomic<bool>* interrupted = nullptr);
  SftOptions sft_options(const std::string& name) const;
  Result run_sft(const SftOptions& o, const std::atomic<bool>* interrupted = nullptr) const;
  GrpoOptions grpo_options(const std::string& name) const;
  Result run_grpo(const GrpoOptions& o, const std::atomic<bool>* interrupted = nullptr,
                  std::string_view member = "grpo") const;

  /// A folder with a model like the tiny one, other weights in it.
  std::string other_model(uint64_t seed, int64_t vocabulary = 264) const;

  std::string read(const std::string& name) const;
  /// Metrics of a run without what depends on the clock.
  std::vector<Json> metrics(const std::string& run) const;

  std::filesystem::path root_;
  std::string model_;
};

}  // namespace temper::train
