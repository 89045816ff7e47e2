#include "temper/learn/train/generator.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "temper/learn/algo/policy.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

std::vector<Json> lines(const std::string& text) {
  std::vector<Json> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
  return all;
}

TEST_F(Training, GroupsWithoutSignalAreReplaced) {
  GrpoOptions o = grpo_options("all");
  o.common.eval_steps = 0;
  o.rollout.max_completion_length = 3;  // so short that many groups earn nothing
  run_grpo(o);
  double flat = 0;
  for (const Json& line : metrics("all")) flat += line["frac_reward_zero_std"].get<double>();
  ASSERT_GT(flat, 0);

  o.common.output_dir = (root_ / "filtered").string();
  o.rollout.filter_groups = true;
  o.rollout.max_num_gen_batches = 20;
  run_grpo(o);
  double batches = 0;
  for (const Json& line : metrics("filtered")) {
    if (line["num_gen_batches"] < 20) {
      EXPECT_EQ(line["frac_reward_zero_std"], 0);
    }
    batches += line["num_gen_batches"].get<double>();
  }
  EXPECT_GT(batches, 4);
  int64_t filtered = 0, trained = 0;
  for (const Json& row : lines(read("filtered/rollouts.jsonl")))
    (row.contains("filtered") ? filtered : trained) += 1;
  EXPECT_EQ(trained, 4 * 8);
  EXPECT_EQ(filtered, (static_cast<int64_t>(batches) - 4) * 8);
}

TEST_F(Training, AStoppedRunThatFiltersAndAdaptsResumesToTheSameBits) {
  auto options = [&](const std::string& name) {
    GrpoOptions o = grpo_options(name);
    o.rollout.max_completion_length = 4;
    o.rollout.filter_groups = true;
    o.rollout.overlong_buffer_len = 2;
    o.rollout.entropy.top_entropy_quantile = 0.5;
    o.rollout.entropy.use_adaptive_entropy = true;
    o.rollout.entropy.entropy_target = 10;
    return o;
  };
  run_grpo(options("whole"));
  const std::atomic<bool> stop{true};
  GrpoOptions o = options("parts");
  EXPECT_TRUE(run_grpo(o, &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  EXPECT_TRUE(run_grpo(o, &stop).interrupted);
  EXPECT_FALSE(run_grpo(o).interrupted);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  EXPECT_TRUE(metrics("whole") == metrics("parts"));
  EXPECT_TRUE(read("whole/rollouts.jsonl") == read("parts/rollouts.jsonl"));
  const std::vector<Json> all = metrics("whole");
  EXPECT_DOUBLE_EQ(all[0]["entropy_coef"].get<double>(), 0.005);
  EXPECT_EQ(all[0]["loss"], all[0]["policy_loss"]);  // the first step has no bonus yet
  EXPECT_NE(all[1]["loss"], all[1]["policy_loss"]);
  EXPECT_LT(all[0]["rewards/overlong/mean"].get<double>(), 0);
}

TEST_F(Training, ABonusForEntropyRaisesIt) {
  auto last_entropy = [&](const std::string& name, double coef) {
    GrpoOptions o = grpo_options(name);
    o.common.max_steps = 8;
    o.common.eval_steps = 0;
    o.common.learning_rate = 3e-3;
    o.rollout.entropy.entropy_coef = coef;
    run_grpo(o);
    return metrics(name).back()["entropy"].get<double>();
  };
  const double without = last_entropy("without", 0);
  EXPECT_GT(last_entropy("more", 5), without);
  EXPECT_LT(last_entropy("less", -5), without);
}

TEST_F(Training, RemaxComparesWithGreedyAnswers) {
  GrpoOptions o = grpo_options("a");
  o.rollout.num_generations = 1;
  o.common.per_device_train_batch_size = 4;
  run_grpo(o, nullptr, "remax");
  int64_t greedy = 0;
  for (const Json& row : lines(read("a/rollouts.jsonl"))) greedy += row.contains("greedy") ? 1 : 0;
  EXPECT_EQ(greedy, 4 * 4);
  EXPECT_TRUE(metrics("a")[0].contains("greedy_reward"));

  o = grpo_options("b");
  o.rollout.filter_groups = true;
  const std::string said = message([&] { run_grpo(o, nullptr, "remax"); });
  EXPECT_NE(said.find("not compared within their group"), std::string::npos) << said;
}

TEST(PolicyPlan, RefusesOptionsThatContradictEachOther) {
  CommonOptions common;
  RolloutOptions rollout;
  rollout.overlong_buffer_len = rollout.max_completion_length;
  auto said = [&] { return message([&] { plan_policy(common, rollout, 100, policy_member()); }); };
  EXPECT_NE(said().find("overlong_buffer_len"), std::string::npos);
  rollout.overlong_buffer_len = 0;
  rollout.entropy.use_adaptive_entropy = true;
  rollout.entropy.entropy_coef_min = 2;
  EXPECT_NE(said().find("entropy_coef_min"), std::string::npos);
}

}  // namespace
}  // namespace temper::train
