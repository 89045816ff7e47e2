// What the plan foresees against what a step takes.
#include <gtest/gtest.h>

#include <algorithm>

#include "temper/engine/model/tiny_llama.h"
#include "temper/engine/optim/optimizer.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/plan/plan.h"
#include "temper/learn/step/step.h"

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
  for (const kernel::Dtype dtype : {kernel::Dtype::BFloat16, kernel::Dtype::Float32}) {
    const int64_t before = tensor::held().now;
    model::Model model = model::Model::fresh(
        small(), {.dtype = dtype, .training = model::Training::Full, .lora = {}}, 1);
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
                                                     .training = model::Training::Full,
                                                     .lora = {},
                                                     .micro_batch_tokens = kRows * kTokens},
                                                    {}, {.flops_per_s = 1e9, .memory_bytes = 1});
    const double measured = static_cast<double>(tensor::held().peak - before);
    EXPECT_NEAR(static_cast<double>(foreseen.peak_bytes) / measured, 1, 0.15)
        << foreseen.peak_bytes << " foreseen, " << measured << " measured";
  }
}

}  // namespace
}  // namespace temper::train
