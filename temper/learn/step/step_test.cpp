#include "temper/learn/step/step.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/model/tiny_llama.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/supervised.h"

namespace temper::step {
namespace {

model::Model tiny() {
  weights::ModelConfig config = model::tiny_llama(64, 32, 48, 256);
  config.initializer_range = 0.2;
  return model::Model::fresh(
      config, {.dtype = kernel::Dtype::Float32, .training = model::Training::Full, .lora = {}}, 5);
}

std::vector<int32_t> ids(int64_t count, int32_t salt) {
  std::vector<int32_t> all;
  for (int64_t i = 0; i < count; ++i) all.push_back(static_cast<int32_t>((i * 13 + salt * 7) % 64));
  return all;
}

std::vector<float> gradients(const std::vector<batch::Packed>& batches) {
  model::Model model = tiny();
  const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
  Stepper(model).supervised(batches, *member.make(member.options()));
  const std::span<float> all = model.store().gradients();
  return {all.begin(), all.end()};
}

TEST(Step, AGroupBehindOnePromptHasTheGradientsOfSeparateRows) {
  for (int64_t prompt : {5, 64, 70, 130}) {
    batch::Group group{.prompt = ids(prompt, 1), .answers = {}};
    for (int32_t a = 0; a < 3; ++a) {
      const std::vector<int32_t> answer = ids(9 + 30 * a, 2 + a);
      group.answers.push_back({answer, std::vector<uint8_t>(answer.size(), 1), a});
    }
    const std::vector<float> together = gradients({batch::pack_all({&group, 1})});
    std::vector<batch::Packed> apart;
    for (const batch::Answer& answer : group.answers) {
      const batch::Group alone{.prompt = group.prompt, .answers = {answer}};
      apart.push_back(batch::pack_all({&alone, 1}));
    }
    const std::vector<float> separate = gradients(apart);
    double largest = 0, gap = 0;
    for (size_t i = 0; i < separate.size(); ++i) {
      largest = std::max(largest, std::abs(double{separate[i]}));
      gap = std::max(gap, std::abs(double{separate[i]} - double{together[i]}));
    }
    EXPECT_LT(gap, 1e-5 * largest) << "prompt of " << prompt;  // float32 rounding of sums
  }
}

}  // namespace
}  // namespace temper::step
