#include <atomic>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "temper/foundation/file/file.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/step/score.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

namespace fs = std::filesystem;

class Ppo : public Training {
 protected:
  PpoOptions ppo_options(const std::string& name) const {
    PpoOptions o{grpo_options(name)};
    o.common.eval_steps = 0;
    o.rollout.num_generations = 2;
    o.rollout.kl_every = 0;
    o.critic.value_learning_rate = 1e-3;
    return o;
  }

  Result run_ppo(const PpoOptions& o, const std::atomic<bool>* interrupted = nullptr,
                 const std::string& member_options = "") const {
    const auto loss = algo::named_member(algo::policy_catalogue(), "ppo", member_options);
    return ppo(o, policy_member("ppo"), *loss, setting("ppo", config::to_yaml(o), interrupted));
  }

  static std::vector<float> scores_of(const std::string& model) {
    const sample::Loaded loaded =
        sample::load(model, {.dtype = kernel::Dtype::Float32, .lora = {}, .head = std::nullopt});
    return step::scores(*loaded.model, {.prompt = {100, 101}, .answers = {{{102, 103}, {0, 1}}}});
  }
};

TEST_F(Ppo, LeavesAPolicyAndACritic) {
  const Result result = run_ppo(ppo_options("a"));
  EXPECT_EQ(result.state.step, 4);
  EXPECT_EQ(result.state.largest_mismatch, 0);
  EXPECT_GT(result.state.compared, 50);
  weights::Checkpoint::open((root_ / "a").string()).check();
  const std::vector<float> scores = scores_of((root_ / "a/value_model").string());
  EXPECT_EQ(scores.size(), 2u);
  const Json line = metrics("a")[0];
  for (const char* name : {"objective/kl",
                           "objective/entropy",
                           "objective/non_score_reward",
                           "objective/rlhf_reward",
                           "objective/scores",
                           "objective/kl_coef",
                           "policy/approxkl_avg",
                           "policy/clipfrac_avg",
                           "policy/entropy_avg",
                           "loss/policy_avg",
                           "loss/value_avg",
                           "val/clipfrac_avg",
                           "val/ratio",
                           "val/ratio_var",
                           "val/num_eos_tokens",
                           "critic/vf_explained_var",
                           "critic/grad_norm",
                           "critic/lr",
                           "critic/values/mean",
                           "critic/returns/mean"}) {
    EXPECT_TRUE(line.contains(name)) << name;
  }
  EXPECT_EQ(line["objective/kl"], 0);  // the reference is the model as it starts
  EXPECT_EQ(line["val/ratio"], 1);
  EXPECT_EQ(line["val/clipfrac_avg"], 0);  // the value read before the update is the update's
  EXPECT_GT(line["critic/grad_norm"].get<double>(), 0);
}

TEST_F(Ppo, AStoppedRunResumesToTheSameBits) {
  for (bool lora : {false, true}) {
    const std::string member = "{kl_target: 0.01, kl_horizon: 10, normalize_rewards: mean_std}";
    auto options = [&](const std::string& name) {
      PpoOptions o = ppo_options(name + (lora ? "-lora" : ""));
      o.common.use_peft = lora;
      o.common.lora_r = 4;
      o.common.per_device_train_batch_size = 2;
      o.common.max_steps = 12;
      o.rollout.num_iterations = o.rollout.num_mini_batches = 2;
      o.critic.value_warmup_steps = 3;
      return o;
    };
    const std::string whole = lora ? "whole-lora" : "whole", parts = lora ? "parts-lora" : "parts";
    run_ppo(options("whole"), nullptr, member);
    const std::atomic<bool> stop{true};  // after every batch
    PpoOptions o = options("parts");
    EXPECT_TRUE(run_ppo(o, &stop, member).interrupted);
    o.common.resume_from_checkpoint = "true";
    EXPECT_TRUE(run_ppo(o, &stop, member).interrupted);
    EXPECT_FALSE(run_ppo(o, nullptr, member).interrupted);
    const std::string file = lora ? "/adapter_model.safetensors" : "/model.safetensors";
    EXPECT_TRUE(read(whole + file) == read(parts + file)) << lora;
    EXPECT_TRUE(read(whole + "/value_model" + file) == read(parts + "/value_model" + file)) << lora;
    EXPECT_TRUE(metrics(whole) == metrics(parts)) << lora;
    EXPECT_TRUE(read(whole + "/rollouts.jsonl") == read(parts + "/rollouts.jsonl")) << lora;
    EXPECT_NE(last(whole, "objective/kl_coef"), 0.05);
  }
}

TEST_F(Ppo, ADamagedCriticInACheckpointIsNamed) {
  const std::atomic<bool> stop{true};
  PpoOptions o = ppo_options("a");
  run_ppo(o, &stop);
  const std::string path = (root_ / "a/checkpoints/step-1/value_model/optimizer.safetensors");
  std::string bytes = file::read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(path) << bytes;
  o.common.resume_from_checkpoint = "true";
  const std::string said = message([&] { run_ppo(o); });
  EXPECT_NE(said.find("damaged"), std::string::npos) << said;
  EXPECT_NE(said.find("value_model"), std::string::npos) << said;
}

TEST_F(Ppo, TheCriticWarmsUpBeforeThePolicyMoves) {
  PpoOptions o = ppo_options("a");
  o.common.dtype = "float32";
  o.critic.value_warmup_steps = o.common.max_steps;
  run_ppo(o);
  EXPECT_TRUE(read("a/model.safetensors") == read("model/model.safetensors"));
  const std::vector<Json> lines = metrics("a");
  for (const Json& line : lines) {
    EXPECT_EQ(line["learning_rate"], 0);
    EXPECT_GT(line["critic/lr"].get<double>(), 0);
  }
  EXPECT_NE(lines[0]["critic/values/mean"], lines[3]["critic/values/mean"]);
}

TEST_F(Ppo, PassesAndMiniBatchesAreUpdatesOfOneBatch) {
  PpoOptions o = ppo_options("a");
  o.common.per_device_train_batch_size = 2;
  o.common.max_steps = 12;
  o.rollout.num_iterations = 3;
  o.rollout.num_mini_batches = 2;
  run_ppo(o);
  const std::vector<Json> lines = metrics("a");
  ASSERT_EQ(lines.size(), 12u);
  int rollouts = 0;
  std::istringstream in(read("a/rollouts.jsonl"));
  for (std::string line; std::getline(in, line);) ++rollouts;
  EXPECT_EQ(rollouts, 8);  // two batches of four answers
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(lines[i]["reward"], lines[i / 6 * 6]["reward"]) << i;
    EXPECT_EQ(lines[i]["val/ratio"] == 1.0, i % 6 == 0) << i;  // the others have moved away
  }
}

TEST_F(Ppo, ResultsDoNotDependOnMicroBatches) {
  PpoOptions o = ppo_options("a");
  o.common.dtype = "float32";
  o.common.max_steps = 1;
  run_ppo(o);
  o.common.output_dir = (root_ / "b").string();
  o.common.micro_batch_tokens = 30;
  run_ppo(o);
  const Json a = metrics("a")[0], b = metrics("b")[0];
  for (const char* name : {"loss", "loss/value_avg", "grad_norm", "critic/grad_norm"})
    EXPECT_NEAR(a[name].get<double>(), b[name].get<double>(), 1e-5) << name;
}

TEST_F(Ppo, BeginsFromARewardModelAndFromItsOwnCritic) {
  PpoOptions o = ppo_options("a");
  o.critic.value_model_name_or_path = score_model("rm", weights::HeadKind::Sequence);
  o.critic.value_learning_rate = 0;
  o.common.dtype = "float32";
  run_ppo(o);
  EXPECT_EQ(scores_of((root_ / "a/value_model").string()), scores_of((root_ / "rm").string()));
  o = ppo_options("b");
  o.common.dtype = "float32";
  o.critic.value_model_name_or_path = (root_ / "a/value_model").string();
  run_ppo(o);
  EXPECT_NE(scores_of((root_ / "b/value_model").string()), scores_of((root_ / "rm").string()));
}

TEST_F(Ppo, AdaptersGoOnFromAdapters) {
  PpoOptions o = ppo_options("a");
  o.common.use_peft = true;
  o.common.lora_r = 4;
  run_ppo(o);
  o.common.model_name_or_path = (root_ / "a").string();
  o.common.output_dir = (root_ / "b").string();  // a fresh head on the adapter's base
  run_ppo(o);
  o.critic.value_model_name_or_path = (root_ / "b/value_model").string();
  o.common.output_dir = (root_ / "c").string();
  run_ppo(o);
  EXPECT_TRUE(fs::exists(root_ / "c/value_model/adapter_model.safetensors"));
  o.common.use_peft = false;
  o.common.model_name_or_path = model_;
  o.common.output_dir = (root_ / "d").string();
  EXPECT_NE(message([&] { run_ppo(o); }).find("full fine-tuning cannot start from an adapter"),
            std::string::npos);
}

TEST_F(Ppo, ValueModelsThatCannotServeAreRefused) {
  auto said = [&](const std::string& path) {
    PpoOptions o = ppo_options("a");
    o.critic.value_model_name_or_path = path;
    return message([&] { run_ppo(o); });
  };
  EXPECT_NE(said((root_ / "nothing").string()).find("nothing"), std::string::npos);
  const std::string two = said(score_model("prm", weights::HeadKind::Token));
  EXPECT_NE(two.find("with 1 labels, got LlamaForTokenClassification with 2"), std::string::npos)
      << two;
  fs::copy(root_ / "model", root_ / "stranger");
  std::string tokenizer = read("stranger/tokenizer.json");
  const std::string start = "<|im_start|>";
  tokenizer.replace(tokenizer.find(start), start.size(), "<|another|>");
  std::ofstream(root_ / "stranger/tokenizer.json") << tokenizer;
  const std::string stranger = said((root_ / "stranger").string());
  EXPECT_NE(stranger.find("the value model's tokens are not those of the policy"),
            std::string::npos)
      << stranger;
  run_ppo(ppo_options("a"));  // the folder is free
}

TEST_F(Ppo, SizesThatDoNotFitAreRefused) {
  PpoOptions o = ppo_options("a");
  o.rollout.num_mini_batches = 4;
  const std::string said = message([&] { run_ppo(o); });
  EXPECT_NE(said.find("a batch takes 16 prompts"), std::string::npos) << said;
  o = ppo_options("a");
  o.rollout.filter_groups = true;
  EXPECT_NE(message([&] { run_ppo(o); }).find("not compared within their group"),
            std::string::npos);
}

}  // namespace
}  // namespace temper::train
