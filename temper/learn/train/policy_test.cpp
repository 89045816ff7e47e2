#include "temper/learn/train/policy.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/sampler.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/generation.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

TEST_F(Training, SamplerAndTrainerAgreeToTheBit) {
  for (const char* dtype : {"float32", "bfloat16"}) {
    GrpoOptions o = grpo_options(dtype);
    o.common.dtype = dtype;
    const Result result = run_grpo(o);
    EXPECT_EQ(result.state.largest_mismatch, 0) << dtype;
    EXPECT_GT(result.state.compared, 100) << dtype;
  }
}

TEST_F(Training, AWeightThatChangesAfterSamplingShowsAsMismatch) {
  sample::Loaded loaded = sample::load(
      model_, {.dtype = kernel::Dtype::Float32, .training = model::Training::Full, .lora = {}});
  model::Model& model = *loaded.model;
  sample::Sampler sampler(model, loaded.tokenizer, loaded.end_ids);
  chat::Request request;
  request.prompt = {100, 101, 102};
  request.samples = 2;
  request.options.max_tokens = 8;
  batch::Group group{.prompt = request.prompt, .answers = {}};
  step::PolicyInputs inputs{.behaviour_logp = {}, .old_logp = {}, .ref_logp = {}, .advantage = {}};
  const std::vector<std::vector<chat::Completion>> answers = sampler.speak({&request, 1});
  for (const chat::Completion& said : answers[0]) {
    group.answers.push_back({said.tokens, std::vector<uint8_t>(said.tokens.size(), 1),
                             static_cast<int64_t>(group.answers.size())});
    inputs.behaviour_logp.push_back(said.logp);
    inputs.advantage.emplace_back(said.tokens.size(), inputs.advantage.empty() ? 1.0f : -1.0f);
  }
  inputs.old_logp = inputs.behaviour_logp;
  const std::vector<batch::Packed> batches = {batch::pack_all({&group, 1})};
  const algo::Policy& member = policy_member();
  const std::unique_ptr<algo::PolicyLoss> loss = member.make(member.options());
  step::Stepper stepper(model);
  auto step = [&] { return stepper.policy(batches, *loss, inputs, 1, true); };
  EXPECT_EQ(step().largest_mismatch, 0);
  EXPECT_EQ(step().mean_mismatch, 0);

  model::Weight& weight = *model.store().find("model.layers.1.mlp.down_proj.weight");
  model.store().master(weight)[0] += 0.5f;
  model.refresh();
  const step::BatchResult changed = step();
  EXPECT_GT(changed.largest_mismatch, 1e-6);
  EXPECT_GT(changed.mean_mismatch, 0);
  EXPECT_LE(changed.mean_mismatch, changed.largest_mismatch);
  EXPECT_EQ(changed.compared, batches[0].size());
}

TEST_F(Training, TheKlToTheStartIsZeroAtFirstAndThenRises) {
  for (const std::string name : {"full", "lora", "whole_modules"}) {
    GrpoOptions o = grpo_options(name);
    o.common.use_peft = name != "full";
    o.common.lora_r = 4;
    if (name == "whole_modules") o.common.lora_modules_to_save = {"norm"};  // a second model
    o.common.learning_rate = 1e-2;
    o.common.lr_scheduler_type = "constant";
    o.common.max_steps = 6;
    o.common.eval_steps = 0;
    o.rollout.kl_every = 2;
    run_grpo(o);
    std::vector<double> measured;
    std::vector<int64_t> steps;
    for (const Json& line : metrics(name)) {
      if (!line.contains("kl")) continue;
      steps.push_back(line["step"]);
      measured.push_back(line["kl"]);
    }
    EXPECT_EQ(steps, (std::vector<int64_t>{1, 3, 5, 6}));  // every second batch, and the last
    EXPECT_EQ(measured[0], 0) << name;
    EXPECT_GT(measured[1], 0) << name;
    EXPECT_GT(measured[3], 0) << name;
  }
}

TEST_F(Training, TheKlToTheStartIsLeftOutWhenNotAskedFor) {
  GrpoOptions o = grpo_options("a");
  o.rollout.kl_every = 0;
  run_grpo(o);
  for (const Json& line : metrics("a")) EXPECT_FALSE(line.contains("kl"));
}

TEST_F(Training, RewardsComeFromRowsAndNamedVerifiers) {
  std::ofstream rows(root_ / "asked.jsonl");
  for (int i = 0; i < 5; ++i)
    rows << Json({{"prompt", "say " + std::to_string(i)}, {"answer", "[a-m]"}}).dump() << "\n";
  rows.close();
  GrpoOptions o = grpo_options("a");
  o.rollout.env = "";
  o.rollout.dataset_name = (root_ / "asked.jsonl").string();
  o.rollout.reward_funcs = {"regex", "exact"};
  o.rollout.reward_weights = {1, 0.5};
  const Result result = run_grpo(o);
  EXPECT_EQ(result.state.step, 4);
  const Json line = metrics("a")[0];
  EXPECT_GT(line["rewards/regex/mean"].get<double>(), 0);
  EXPECT_DOUBLE_EQ(
      line["reward"].get<double>(),
      line["rewards/regex/mean"].get<double>() + 0.5 * line["rewards/exact/mean"].get<double>());
}

TEST_F(Training, RewardsNeedOneSource) {
  RolloutOptions o;
  EXPECT_NE(message([&] { environment_of(o); }).find("nothing says what answers are rewarded for"),
            std::string::npos);
  o.env = "chain_sum";
  o.reward_funcs = {"exact"};
  EXPECT_NE(message([&] { environment_of(o); }).find("not of an environment"), std::string::npos);
  o.dataset_name = "rows.jsonl";
  EXPECT_NE(message([&] { environment_of(o); }).find("both --env and --dataset_name"),
            std::string::npos);
}

/// Another environment's rows; its episodes ask back and are never done after one answer.
class AsksBack : public Wrapped {
 public:
  using Wrapped::Wrapped;
  std::string_view name() const override { return "asks_back"; }
  std::unique_ptr<env::Episode> begin(const env::Row& row) const override {
    return std::make_unique<Open>(inner_->begin(row));
  }

 private:
  class Open : public env::Episode {
   public:
    explicit Open(std::unique_ptr<env::Episode> inner) : inner_(std::move(inner)) {}
    const std::vector<chat::Message>& messages() const override { return inner_->messages(); }
    bool done() const override { return false; }
    void step(const std::string& assistant) override { inner_->step(assistant); }
    reward::Verdict score() const override { return inner_->score(); }

   private:
    std::unique_ptr<env::Episode> inner_;
  };
};

TEST_F(Training, AnEpisodeOfSeveralTurnsIsRefused) {
  const GrpoOptions o = grpo_options("a");
  const AsksBack environment(environment_of(o.rollout));
  const algo::Policy& member = policy_member();
  const std::string said = message([&] {
    train::Run run(o.common, setting("grpo", config::to_yaml(o)));
    policy(run, o.rollout, environment, member, *member.make(member.options()));
  });
  EXPECT_NE(said.find("the environment wants more than one turn"), std::string::npos) << said;
  EXPECT_NE(said.find("asks_back"), std::string::npos) << said;
  EXPECT_NE(said.find("an answer is trained on and judged as one turn"), std::string::npos);
}

TEST(Generation, FiguresCountScoredAnswers) {
  auto rollout = [](std::vector<double> rewards, std::vector<int64_t> lengths) {
    evaluate::Rollout made;
    for (size_t i = 0; i < rewards.size(); ++i) {
      reward::Verdict verdict;
      verdict.reward = rewards[i];
      if (rewards[i] < 0) verdict.outcome = reward::Outcome::Error;
      made.verdicts.push_back(verdict);
      chat::Completion completion;
      completion.tokens.resize(static_cast<size_t>(lengths[i]));
      completion.finish = lengths[i] < 8 ? chat::Finish::Stop : chat::Finish::Length;
      made.completions.push_back(completion);
    }
    return made;
  };
  Generation g;
  g.rollouts = {rollout({1, 0}, {2, 8}), rollout({1, -1}, {4, 6})};
  g.rewards = rewards_of(g.rollouts);
  EXPECT_EQ(g.rewards.scored, (std::vector<char>{1, 1, 1, 0}));
  std::map<std::string, double> figures;
  for (const auto& [name, value] : figures_of(g)) figures[name] = value;
  EXPECT_DOUBLE_EQ(figures["reward"], 2.0 / 3);
  EXPECT_NEAR(figures["reward_std"], 0.5773502691896257, 1e-12);  // of 1, 0, 1: the whole batch
  EXPECT_DOUBLE_EQ(figures["frac_reward_zero_std"], 0.5);
  EXPECT_DOUBLE_EQ(figures["completions/mean_length"], 5);
  EXPECT_DOUBLE_EQ(figures["completions/max_terminated_length"], 6);
  EXPECT_DOUBLE_EQ(figures["completions/clipped_ratio"], 0.25);
}

}  // namespace
}  // namespace temper::train
