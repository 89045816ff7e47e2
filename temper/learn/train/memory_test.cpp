// What the plan foresees against what a step takes, and that a long run takes no more than a short
// one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/engine/model/tiny_llama.h"
#include "temper/engine/optim/optimizer.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/plan/plan.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

/// Large beside all that the other tests of this program hold.
weights::ModelConfig small() {
  weights::ModelConfig config = model::tiny_llama(2048, 128, 352, 512);
  config.layers = 4;
  return config;
}

TEST(Memory, ThePlanForeseesThePeakOfAStep) {
  constexpr int64_t kRows = 4, kTokens = 128;
  using Quantise = kernel::QuantiseOptions;
  using model::Training;
  struct Kind {
    kernel::Dtype dtype;
    Training training;
    bool again;
    Quantise quantise;
  };
  constexpr kernel::Dtype kBf16 = kernel::Dtype::BFloat16;
  // in the order of what they take: the peak counted is that of the whole process
  for (const auto& [dtype, training, again, quantise] :
       {Kind{kBf16, Training::Lora, false, {.kind = Quantise::Kind::Nf4}},
        Kind{kBf16, Training::Lora, false, {.kind = Quantise::Kind::Int8}},
        Kind{kBf16, Training::Lora, false, {}}, Kind{kBf16, Training::Full, true, {}},
        Kind{kBf16, Training::Full, false, {}},
        Kind{kernel::Dtype::Float32, Training::Full, false, {}}}) {
    const int64_t before = tensor::held().now;
    model::Model model = model::Model::fresh(small(),
                                             {.dtype = dtype,
                                              .training = training,
                                              .lora = {},
                                              .gradient_checkpointing = again,
                                              .quantise = quantise},
                                             1);
    optim::AdamW optimizer(model, {});
    std::vector<batch::Group> groups;
    for (int64_t row = 0; row < kRows; ++row) {
      std::vector<int32_t> tokens(kTokens);
      for (int64_t i = 0; i < kTokens; ++i)
        tokens[static_cast<size_t>(i)] = static_cast<int32_t>((row * 131 + i * 17) % 2048);
      groups.push_back(
          {.prompt = {}, .answers = {{tokens, std::vector<uint8_t>(kTokens, 1), row}}});
    }
    const std::vector<batch::Packed> batches = {batch::pack_all(groups)};
    const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
    step::Stepper(model).supervised(batches, *member.make(member.options()));
    optimizer.step(1e-3);
    const plan::Prediction foreseen = plan::predict(small(),
                                                    {.dtype = dtype,
                                                     .training = training,
                                                     .lora = {},
                                                     .micro_batch_tokens = kRows * kTokens,
                                                     .gradient_checkpointing = again,
                                                     .quantise = quantise},
                                                    {}, {.flops_per_s = 1e9, .memory_bytes = 1});
    const double measured = static_cast<double>(tensor::held().peak - before);
    EXPECT_NEAR(static_cast<double>(foreseen.peak_bytes) / measured, 1, 0.15)
        << foreseen.peak_bytes << " foreseen, " << measured << " measured";
  }
}

class Foresight : public Training {};

TEST_F(Foresight, APlanSaysWhatARunTakesAndLeavesNothing) {
  const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
  const SftOptions o = sft_options("a");
  Setting planning = setting("sft", config::to_yaml(o));
  planning.plan_only = true;
  testing::internal::CaptureStdout();
  const Result result = sft(o, *member.make(member.options()), planning);
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(result.only_planned);
  EXPECT_FALSE(file::exists((root_ / "a").string()));
  for (const char* part : {"plan ", "GB peak", "masters, gradients and two moments", "products",
                           "disk ", "steps      "}) {
    EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
  }
}

TEST_F(Foresight, TheSummaryHoldsWhatWasForeseen) {
  run_sft(sft_options("sft"));
  run_grpo(grpo_options("grpo"));
  for (const char* run : {"sft", "grpo"}) {
    const Json summary = Json::parse(read(std::string(run) + "/summary.json"));
    EXPECT_GT(summary["plan"]["peak_bytes"].get<int64_t>(), 0);
    EXPECT_GT(summary["plan"]["seconds"].get<double>(), 0);
    EXPECT_GT(summary["plan"]["tflop"].get<double>(), 0);
  }
  // products are counted as they are foreseen: all rows are visited, and none is shared
  const Json sft = Json::parse(read("sft/summary.json"));
  EXPECT_NEAR(sft["plan"]["tflop"].get<double>() / sft["tflop"].get<double>(), 1, 0.25);
}

/// Notes the process's resident memory whenever an episode begins.
class Watched : public Wrapped {
 public:
  using Wrapped::Wrapped;
  std::string_view name() const override { return "watched"; }
  std::unique_ptr<env::Episode> begin(const env::Row& row) const override {
    int64_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    resident_.push_back(resident * ::sysconf(_SC_PAGESIZE));
    return inner_->begin(row);
  }
  /// The median over a share of the run.
  int64_t resident(double from, double to) const {
    const auto at = [&](double share) {
      return resident_.begin() +
             static_cast<std::ptrdiff_t>(share * static_cast<double>(resident_.size()));
    };
    std::vector<int64_t> part(at(from), at(to));
    std::nth_element(part.begin(), part.begin() + std::ssize(part) / 2, part.end());
    return part[part.size() / 2];
  }

 private:
  mutable std::vector<int64_t> resident_ = [] {
    std::vector<int64_t> room;
    room.reserve(1 << 16);
    return room;
  }();
};

class SoakSlow : public Training {};

TEST_F(SoakSlow, TwoThousandCyclesLeaveMemoryFlat) {
  GrpoOptions o = grpo_options("soak");
  o.common.max_steps = 2000;
  o.common.save_steps = o.common.eval_steps = 0;
  o.common.save_interval_s = 0;
  o.rollout.kl_every = 0;
  const algo::Policy& member = policy_member("grpo");
  const Watched environment(environment_of(o.rollout));
  train::Run run(o.common, setting("grpo", config::to_yaml(o)));
  policy(run, o.rollout, environment, member, *member.make(member.options()));
  const int64_t early = environment.resident(0.1, 0.3), late = environment.resident(0.9, 1.0);
  EXPECT_LT(late - early, int64_t{2} << 20) << early << " bytes, then " << late;
}

}  // namespace
}  // namespace temper::train
