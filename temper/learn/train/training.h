// Tiny models, rows and environments for tests of the loops. For tests only; defined in
// train_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/file/safetensors.h"
#include "temper/learn/train/policy.h"
#include "temper/learn/train/supervised.h"
#include "temper/world/env/environment.h"

namespace temper::train {

/// What an Error says, or that none was thrown.
std::string message(const std::function<void()>& act);

const algo::Policy& policy_member(std::string_view name = "grpo");

/// Another environment's rows and rubric; what an episode does with them is to be overridden.
class Wrapped : public env::Environment {
 public:
  explicit Wrapped(std::unique_ptr<env::Environment> inner) : inner_(std::move(inner)) {}
  int64_t size(env::Split split) const override { return inner_->size(split); }
  env::Row row(env::Split split, int64_t index, uint64_t seed) const override {
    return inner_->row(split, index, seed);
  }
  const reward::Rubric& rubric() const override { return inner_->rubric(); }
  std::string demonstration(const env::Row& row) const override {
    return inner_->demonstration(row);
  }

 protected:
  std::unique_ptr<env::Environment> inner_;
};

/// Every answer gets the verdict of the one before it.
class Shuffled : public Wrapped {
 public:
  using Wrapped::Wrapped;
  std::string_view name() const override { return "shuffled"; }
  std::unique_ptr<env::Episode> begin(const env::Row& row) const override {
    return std::make_unique<Late>(inner_->begin(row), before_);
  }

 private:
  class Late : public env::Episode {
   public:
    Late(std::unique_ptr<env::Episode> inner, reward::Verdict& before)
        : inner_(std::move(inner)), before_(before) {}
    const std::vector<chat::Message>& messages() const override { return inner_->messages(); }
    bool done() const override { return inner_->done(); }
    void step(const std::string& assistant) override { inner_->step(assistant); }
    reward::Verdict score() const override {
      reward::Verdict own = inner_->score();
      if (before_.parts.empty()) before_ = own;
      std::swap(own, before_);
      return own;
    }

   private:
    std::unique_ptr<env::Episode> inner_;
    reward::Verdict& before_;
  };
  mutable reward::Verdict before_;
};

/// The size of a tiny model, and what its weights are drawn from.
struct TinyModel {
  uint64_t seed = 3;
  int64_t vocabulary = 264, width = 32, layers = 2;
};

/// The largest gap between two gradients, as a share of the largest slope.
double gap(std::span<const float> got, const std::vector<double>& wanted);
/// The model's gradients are those recorded in float64 under `prefix` and their names, every one.
void expect_gradients(model::Model& model, const file::Safetensors& recorded,
                      const std::string& prefix, double within);

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

  /// A run that is stopped after its first step, and again after its second, has the bits of one
  /// that never was: its weights, its metrics and its rollouts where it has some. `train(options,
  /// stop)`.
  template <class Options, class Train>
  void expect_resumes(Options o, Train train,
                      const std::string& weights = "model.safetensors") const {
    const std::atomic<bool> stop{true};  // stops after each step
    const std::atomic<bool>* never = nullptr;
    o.common.output_dir = (root_ / "whole").string();
    train(o, never);
    o.common.output_dir = (root_ / "parts").string();
    EXPECT_TRUE(train(o, &stop).interrupted);
    o.common.resume_from_checkpoint = "true";
    EXPECT_TRUE(train(o, &stop).interrupted);
    EXPECT_FALSE(train(o, never).interrupted);
    EXPECT_TRUE(read("whole/" + weights) == read("parts/" + weights));
    EXPECT_TRUE(metrics("whole") == metrics("parts"));
    EXPECT_TRUE(read("whole/rollouts.jsonl") == read("parts/rollouts.jsonl"));
  }

  /// A folder with another model of that kind.
  std::string other_model(const TinyModel& size) const;

  /// A folder with the tiny model under a fresh score head.
  std::string score_model(const std::string& name, weights::HeadKind head) const;

  std::string read(const std::string& name) const;
  /// Metrics of a run without what depends on the clock.
  std::vector<Json> metrics(const std::string& run) const;
  /// How far the mean reward of the last eight batches lies above that of the first eight.
  double gain(const std::string& run) const;
  /// The last value of a metric; NaN where it was never logged.
  double last(const std::string& run, const std::string& metric) const;
  /// Pairs whose chosen answers are of early letters, rejected ones of late letters; `planted`
  /// false: either may be chosen.
  void write_pairs(const std::string& name, bool planted, int count = 96) const;

  std::filesystem::path root_;
  std::string model_;
};

}  // namespace temper::train
