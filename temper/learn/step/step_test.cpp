#include "temper/learn/step/step.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/model/tiny_llama.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/policy.h"
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

TEST(Step, TheCriticGetsTheGradientOfItsOwnLossAndThePolicyNothingOfIt) {
  model::Model policy = tiny();
  weights::ModelConfig config =
      weights::with_head(model::tiny_llama(64, 32, 48, 256), weights::HeadKind::Sequence);
  config.initializer_range = 0.2;
  model::Model critic = model::Model::fresh(
      config, {.dtype = kernel::Dtype::Float32, .training = model::Training::Full, .lora = {}}, 7);
  batch::Group group{.prompt = ids(5, 1), .answers = {}};
  PolicyInputs inputs;
  for (int32_t a = 0; a < 2; ++a) {
    const size_t size = static_cast<size_t>(4 + 3 * a);
    group.answers.push_back(
        {ids(static_cast<int64_t>(size), 2 + a), std::vector<uint8_t>(size, 1), a});
    inputs.old_logp.emplace_back(size, -4.0f);
    inputs.advantage.emplace_back(size, a == 0 ? 1.0f : -1.0f);
    inputs.old_value.emplace_back(size, 0.0f);
    inputs.value_target.emplace_back(size, a == 0 ? 1.0f : -0.5f);
  }
  const std::vector<batch::Packed> batches = {batch::pack_all({&group, 1})};
  const auto loss = algo::named_member(algo::policy_catalogue(), "ppo", "cliprange_value: 100");
  Stepper stepper(policy, &critic);
  inputs.critic_alone = true;
  stepper.policy(batches, *loss, inputs, 1, false);
  for (float slope : policy.store().gradients()) ASSERT_EQ(slope, 0);
  const std::span<float> all = critic.store().gradients();
  const std::vector<float> slopes(all.begin(), all.end());  // later calls add to them
  const model::Weight& head = *critic.score_head().weight;
  const model::Weight& deep = *critic.store().find("model.layers.0.mlp.down_proj.weight");
  for (const model::Weight* weight : {&head, &deep}) {
    for (size_t i : {size_t{0}, size_t{7}}) {
      const double slope = slopes[static_cast<size_t>(weight->offset) + i];
      float& master = critic.store().master(*weight)[i];
      const float before = master, h = 1e-2f;
      double at[2];
      for (int side : {0, 1}) {
        master = before + (side == 1 ? h : -h);
        critic.refresh();
        at[side] = Stepper(policy, &critic).policy(batches, *loss, inputs, 1, false).critic_loss;
      }
      master = before;
      critic.refresh();
      // h² times a third derivative, and float32 over 2h
      EXPECT_NEAR((at[1] - at[0]) / (2 * double{h}), slope, 1e-3 * std::abs(slope) + 2e-5)
          << weight->name;
    }
  }
}

}  // namespace
}  // namespace temper::step
