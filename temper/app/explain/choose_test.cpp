#include "temper/app/explain/choose.h"

#include <gtest/gtest.h>

#include "temper/foundation/error/error.h"

namespace temper::explain {
namespace {

bool has_all(std::string_view) {
  return true;
}
bool has_no_kto(std::string_view method) {
  return method != "kto";
}

std::string methods(const Advice& advice) {
  std::string all;
  for (const Stage& stage : advice.stages) all += (all.empty() ? "" : " ") + stage.method;
  return all;
}

Situation situation(const char* data, const char* reward) {
  return {.data = data, .reward = reward, .memory_gb = 64, .parameters = 135e6};
}

TEST(Choose, EveryCombinationHasItsMethod) {
  struct Row {
    const char *data, *reward, *methods;
  };
  const Row rows[] = {
      {"demonstrations", "verifiable", "sft grpo"},
      {"demonstrations", "model", "sft dpo"},
      {"demonstrations", "none", "sft"},
      {"pairs", "verifiable", "dpo grpo"},
      {"pairs", "model", "dpo"},
      {"pairs", "none", "dpo"},
      {"labels", "verifiable", "kto grpo"},
      {"labels", "model", "kto dpo"},
      {"labels", "none", "kto"},
      {"verifier", "verifiable", "grpo"},
      {"verifier", "model", "grpo"},
      {"verifier", "none", "grpo"},
      {"none", "verifiable", "grpo"},
      {"none", "model", "dpo"},
      {"none", "none", "sft"},
  };
  EXPECT_EQ(std::size(rows), kData.size() * kReward.size());
  for (const Row& row : rows) {
    const Advice advice = advise(situation(row.data, row.reward), has_all);
    EXPECT_EQ(methods(advice), row.methods) << row.data << " " << row.reward;
    for (const Stage& stage : advice.stages) {
      EXPECT_TRUE(stage.command.starts_with("temper " + stage.method + " ")) << stage.command;
      EXPECT_FALSE(stage.reason.empty());
    }
    EXPECT_NE(text_of(advice).find("Memory: about"), std::string::npos);
  }
}

TEST(Choose, WhatTemperLacksIsNotAdvised) {
  EXPECT_EQ(methods(advise(situation("labels", "none"), has_no_kto)), "sft");
  EXPECT_EQ(methods(advise(situation("labels", "verifiable"), has_no_kto)), "sft grpo");
}

TEST(Choose, AStageStartsFromTheOneBefore) {
  const Advice advice = advise(situation("demonstrations", "verifiable"), has_all);
  EXPECT_NE(advice.stages[0].command.find("--model_name_or_path M "), std::string::npos);
  EXPECT_NE(advice.stages[1].command.find("--model_name_or_path runs/sft "), std::string::npos);
}

TEST(Choose, MemorySaysWhatIsTrained) {
  auto with = [](double memory_gb) {
    return text_of(advise({"demonstrations", "none", memory_gb, 1.5e9}, has_all));
  };
  const Need needed = need({1.5e9, false});
  EXPECT_LT(needed.lora_gb, needed.full_gb);
  EXPECT_EQ(with(needed.full_gb * 1.1).find("--use_peft"), std::string::npos);
  EXPECT_NE(with(needed.lora_gb * 1.1).find("--use_peft"), std::string::npos);
  EXPECT_NE(with(needed.lora_gb * 0.5).find("a model of at most"), std::string::npos);
}

TEST(Choose, MemoryGrowsWithTheModel) {
  // bfloat16 weights twice, float32 masters, gradients and two moments: 20 bytes a number; then
  // activations.
  const Need small = need({135e6, false}), large = need({7e9, false});
  EXPECT_NEAR(small.full_gb, 135e6 * 20 / 1e9, 2);
  EXPECT_NEAR(large.full_gb / (7e9 * 20 / 1e9), 1, 0.15);
  EXPECT_GT(need({135e6, true}).full_gb, small.full_gb);
}

TEST(Choose, SizesAreReadAsPeopleWriteThem) {
  EXPECT_DOUBLE_EQ(parameters_from("135M"), 135e6);
  EXPECT_DOUBLE_EQ(parameters_from("1.5b"), 1.5e9);
  EXPECT_DOUBLE_EQ(parameters_from("8e9"), 8e9);
  for (const char* text : {"", "M", "-1B", "3", "many", "1e30B", "inf"}) {
    EXPECT_THROW(parameters_from(text), Error) << text;
  }
}

}  // namespace
}  // namespace temper::explain
