#include "temper/learn/train/reward_model.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/learn/step/score.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

class RewardModel : public Training {
 protected:
  GrpoOptions options(const std::string& name) const {
    GrpoOptions o = grpo_options(name);
    o.common.dtype = "float32";
    o.rollout.reward_model_name_or_path = score_model("rm", weights::HeadKind::Sequence);
    return o;
  }
};

evaluate::Rollout rollout(const std::vector<int32_t>& prompt,
                          const std::vector<std::vector<int32_t>>& answers) {
  evaluate::Rollout made;
  made.prompt = prompt;
  for (const std::vector<int32_t>& answer : answers) {
    chat::Completion said;
    said.tokens = answer;
    made.completions.push_back(said);
    made.verdicts.emplace_back();
  }
  return made;
}

TEST_F(RewardModel, ScoresTheTokensAsTemperScoreDoes) {
  GrpoOptions o = options("a");
  o.rollout.reward_model_weight = 0.5;
  train::Run run(o.common, setting("grpo", config::to_yaml(o)));
  std::vector<evaluate::Rollout> rollouts = {rollout({100, 101}, {{102, 103, 258}, {104}}),
                                             rollout({105}, {{106, 107}, {108, 258}})};
  rollouts[0].verdicts[1].reward = 2;
  rollouts[1].verdicts[0].outcome = reward::Outcome::Timeout;
  reward_model(run, o.rollout)(rollouts);
  const sample::Loaded loaded =
      sample::load(o.rollout.reward_model_name_or_path,
                   {.dtype = kernel::Dtype::Float32, .lora = {}, .head = std::nullopt});
  for (const evaluate::Rollout& rolled : rollouts) {
    for (size_t a = 0; a < rolled.completions.size(); ++a) {
      const std::vector<int32_t>& tokens = rolled.completions[a].tokens;
      const double score = step::scores(
          *loaded.model, {.prompt = rolled.prompt,
                          .answers = {{tokens, {static_cast<int32_t>(tokens.size()) - 1}}}})[0];
      const reward::PartScore& part = rolled.verdicts[a].parts.at(0);
      EXPECT_EQ(part.name, "reward_model");
      EXPECT_EQ(part.weight, 0.5);
      EXPECT_EQ(part.score.value, score);
    }
  }
  const auto score = [&](size_t prompt, size_t answer) {
    return rollouts[prompt].verdicts[answer].parts[0].score.value;
  };
  EXPECT_NE(score(0, 0), score(0, 1));
  EXPECT_DOUBLE_EQ(rollouts[0].verdicts[0].reward, 0.5 * score(0, 0));
  EXPECT_DOUBLE_EQ(rollouts[0].verdicts[1].reward, 2 + 0.5 * score(0, 1));
  EXPECT_EQ(rollouts[1].verdicts[0].reward, 0);  // its verifier failed: it stays out
}

TEST_F(RewardModel, IsOnePartBesideVerifiersAndInEvaluation) {
  GrpoOptions o = options("a");
  o.rollout.reward_model_weight = 0.25;
  run_grpo(o);
  bool evaluated = false;
  for (const Json& line : metrics("a")) {
    const std::string front = line.contains("eval_reward") ? "eval_" : "";
    const std::string back = front.empty() ? "/mean" : "";
    evaluated = evaluated || !front.empty();
    const double letter = line[front + "rewards/letter" + back];
    const double model = line[front + "rewards/reward_model" + back];
    EXPECT_NEAR(line[front + "reward"].get<double>(), letter + 0.25 * model, 1e-12);
  }
  EXPECT_TRUE(evaluated);
}

TEST_F(RewardModel, MayBeTheWholeRewardOfPromptsAlone) {
  std::ofstream rows(root_ / "prompts.jsonl");
  for (int i = 0; i < 5; ++i) rows << Json({{"prompt", "say " + std::to_string(i)}}).dump() << "\n";
  rows.close();
  GrpoOptions o = options("a");
  o.rollout.env = "";
  o.rollout.dataset_name = (root_ / "prompts.jsonl").string();
  run_grpo(o);
  const Json line = metrics("a")[0];
  EXPECT_EQ(line["reward"], line["rewards/reward_model/mean"]);
  EXPECT_GT(line["reward_std"].get<double>(), 0);
  o.common.output_dir = (root_ / "b").string();
  o.rollout.reward_model_name_or_path = "";
  EXPECT_NE(message([&] { run_grpo(o); }).find("no reward function is named"), std::string::npos);
}

TEST_F(RewardModel, OneThatCannotServeIsRefused) {
  GrpoOptions o = options("a");
  o.rollout.reward_model_name_or_path = score_model("prm", weights::HeadKind::Token);
  const std::string said = message([&] { run_grpo(o); });
  EXPECT_NE(said.find("a score head of one label, got LlamaForTokenClassification with 2"),
            std::string::npos)
      << said;
  o.rollout.reward_model_name_or_path = model_;
  EXPECT_NE(message([&] { run_grpo(o); }).find("got LlamaForCausalLM"), std::string::npos);
  o.rollout.reward_model_name_or_path = (root_ / "nothing").string();
  EXPECT_NE(message([&] { run_grpo(o); }).find("nothing"), std::string::npos);
}

}  // namespace
}  // namespace temper::train
