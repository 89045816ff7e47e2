// The score loop on tiny models: steps against TRL's and transformers', the head that is saved,
// resume, bad rows, and learning.
#include "temper/learn/train/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

using weights::HeadKind;

const std::string kGolden = SOURCE_DIR "/golden/";

std::unique_ptr<algo::ScoreLoss> member(const std::string& name, const std::string& yaml = "") {
  return algo::named_member(algo::score_catalogue(), name, yaml);
}

model::Model recorded_model(const std::string& name, HeadKind head) {
  return model::Model::load(weights::Checkpoint::open(kGolden + "reward/" + name),
                            {.dtype = kernel::Dtype::Float32,
                             .training = model::Training::Full,
                             .lora = {},
                             .head = head});
}

Json recorded() {
  return text::parse_json(file::read_file(kGolden + "reward.json"), "reward.json");
}

/// The pair's answers whole, or behind one copy of what they begin with.
step::ScoreItem pair_item(const Json& row, bool shared) {
  std::vector<int32_t> chosen = row["chosen"], rejected = row["rejected"];
  step::ScoreItem item{.margin = row.value("margin", 0.0)};
  while (shared && chosen[0] == rejected[0]) {
    item.prompt.push_back(chosen[0]);
    chosen.erase(chosen.begin());
    rejected.erase(rejected.begin());
  }
  for (const std::vector<int32_t>& answer : {chosen, rejected}) {
    item.answers.push_back({answer, {static_cast<int32_t>(answer.size()) - 1}});
  }
  return item;
}

std::vector<const step::ScoreItem*> all_of(const std::vector<step::ScoreItem>& items) {
  std::vector<const step::ScoreItem*> all;
  for (const step::ScoreItem& item : items) all.push_back(&item);
  return all;
}

TEST(ScoreStep, RewardLossMetricsAndGradientEqualTrl) {
  const file::Safetensors gradients = file::Safetensors::open(kGolden + "reward.safetensors");
  const Json steps = recorded()["steps"];
  for (const Json& wanted : steps) {
    const auto loss = member("reward", wanted["options"].dump());
    for (int64_t budget : {20, 1000}) {  // several micro-batches, and one
      std::vector<step::ScoreItem> items;
      for (const Json& row : wanted["rows"]) items.push_back(pair_item(row, budget == 20));
      model::Model model = recorded_model("sequence", HeadKind::Sequence);
      step::ScoreStepper stepper(model, *loss, budget);
      const step::ScoreResult result = stepper.train(all_of(items));
      // the model computes in float32
      EXPECT_NEAR(result.loss, wanted["loss"].get<double>(), 1e-5);
      for (const auto& [name, value] : wanted["metrics"].items()) {
        if (name == "num_tokens") {  // TRL reads a prompt twice a pair
          EXPECT_EQ(result.read_tokens == value, budget == 1000);
          continue;
        }
        EXPECT_NEAR(result.metrics.at(name), value.get<double>(), 2e-5) << name;
      }
      EXPECT_EQ(stepper.evaluate(all_of(items)).metrics, result.metrics);
      if (wanted == steps.back()) expect_gradients(model, gradients, "reward.", 5e-5);
    }
  }
}

TEST(ScoreStep, PrmLossAndGradientEqualTransformers) {
  const file::Safetensors gradients = file::Safetensors::open(kGolden + "reward.safetensors");
  const Json wanted = recorded()["prm"];
  std::vector<step::ScoreItem> items;
  for (const Json& row : wanted["rows"]) {
    step::ScoreItem& item = items.emplace_back();
    item.answers = {{row["tokens"].get<std::vector<int32_t>>(), {}}};
    for (size_t i = 0; i < row["labels"].size(); ++i) {
      if (row["labels"][i] < 0) continue;
      item.answers[0].places.push_back(static_cast<int32_t>(i));
      item.right.push_back(row["labels"][i]);
    }
  }
  for (int64_t budget : {10, 1000}) {
    model::Model model = recorded_model("token", HeadKind::Token);
    const step::ScoreResult result =
        step::ScoreStepper(model, *member("prm"), budget).train(all_of(items));
    EXPECT_NEAR(result.loss, wanted["loss"].get<double>(), 1e-5);
    EXPECT_NEAR(result.metrics.at("accuracy"), wanted["accuracy"].get<double>(), 1e-12);
    expect_gradients(model, gradients, "prm.", 5e-5);
    const std::vector<float> scores = step::scores(model, items[0]);
    for (size_t i = 0; i < scores.size(); ++i) {
      EXPECT_NEAR(scores[i], wanted["logits"][i / 2][i % 2].get<double>(), 2e-5);
    }
  }
}

class Scoring : public Training {
 protected:
  template <class Options>
  Options small(Options o, const std::string& name, const std::string& rows) const {
    const double rate = o.common.learning_rate;
    o.common = common_options(name);
    o.common.dtype = "float32";
    o.common.learning_rate = 20 * rate;
    o.common.per_device_train_batch_size = 4;
    o.common.max_steps = 3;
    o.common.eval_steps = 2;
    o.data.dataset_name = (root_ / rows).string();
    o.data.test_split_size = 8;
    return o;
  }
  PairOptions reward_options(const std::string& name) const {
    return small(reward_defaults(), name, "pairs.jsonl");
  }
  Result run_reward(const PairOptions& o, const std::atomic<bool>* interrupted = nullptr) const {
    return reward(o, *member("reward"), setting("reward", config::to_yaml(o), interrupted));
  }

  /// Three steps each, whose first word says whether they are right.
  void write_solutions(const std::string& name, int count = 96) const {
    std::ofstream rows(root_ / name);
    random::Sequence draw(random::Stream(3, random::Purpose::Data));
    for (int i = 0; i < count; ++i) {
      Json steps = Json::array(), labels = Json::array();
      for (int j = 0; j < 3; ++j) {
        const bool right = draw.below(2) == 0;
        steps.push_back(std::string(right ? "good " : "bad ") + std::to_string(draw.below(100)));
        labels.push_back(right);
      }
      rows << Json({{"prompt", "solve " + std::to_string(i) + "\n"},
                    {"completions", steps},
                    {"labels", labels}})
                  .dump()
           << "\n";
    }
  }
  PrmOptions prm_options(const std::string& name) const {
    PrmOptions o = small(prm_defaults(), name, "steps.jsonl");
    o.common.learning_rate = 2e-3;
    return o;
  }
  Result run_prm(const PrmOptions& o, const std::atomic<bool>* interrupted = nullptr) const {
    return prm(o, *member("prm"), setting("prm", config::to_yaml(o), interrupted));
  }
};

TEST_F(Scoring, AStoppedRewardRunResumesToTheSameBits) {
  write_pairs("pairs.jsonl", true, 16);
  expect_resumes(reward_options("run"),
                 [&](const auto& o, const auto* stop) { return run_reward(o, stop); });
}

TEST_F(Scoring, AStoppedAdapterRunResumesToTheSameBits) {
  write_pairs("pairs.jsonl", true, 16);
  PairOptions o = reward_options("run");
  o.common.use_peft = true;
  expect_resumes(
      o, [&](const auto& each, const auto* stop) { return run_reward(each, stop); },
      "adapter_model.safetensors");
}

TEST_F(Scoring, AStoppedPrmRunResumesToTheSameBits) {
  write_solutions("steps.jsonl", 16);
  expect_resumes(prm_options("run"),
                 [&](const auto& o, const auto* stop) { return run_prm(o, stop); });
}

TEST_F(Scoring, MetricsHaveTrlsNamesAndTheBestModelIsKept) {
  write_pairs("pairs.jsonl", true, 24);
  PairOptions o = reward_options("a");
  o.common.load_best_model_at_end = true;
  run_reward(o);
  const Json first = metrics("a")[0];
  for (const char* name : {"loss", "grad_norm", "learning_rate", "num_tokens", "min_reward",
                           "mean_reward", "max_reward", "accuracy", "margin"}) {
    EXPECT_TRUE(first.contains(name)) << name;
  }
  for (const char* name : {"eval_loss", "eval_accuracy", "eval_margin", "eval_mean_reward"}) {
    EXPECT_FALSE(std::isnan(last("a", name))) << name;
  }
  EXPECT_TRUE(file::exists((root_ / "a/best/model.safetensors").string()));
  EXPECT_NE(read("a/decoded_batch.txt").find("⟦score⟧"), std::string::npos);
}

TEST_F(Scoring, TheFolderIsARewardModelAndNothingElse) {
  write_pairs("pairs.jsonl", true, 24);
  write_solutions("steps.jsonl", 24);
  run_reward(reward_options("rm"));
  run_prm(prm_options("prm"));
  const Json config = Json::parse(read("rm/config.json"));
  EXPECT_EQ(config["architectures"][0], "LlamaForSequenceClassification");
  EXPECT_EQ(config["id2label"].size(), 1u);
  // The tokenizer's padding token was its end token: the score would be read before the end.
  EXPECT_EQ(config["pad_token_id"], 257);
  EXPECT_EQ(Json::parse(read("rm/tokenizer_config.json"))["pad_token"], "<|im_start|>");
  EXPECT_EQ(Json::parse(read("prm/config.json"))["id2label"].size(), 2u);

  // A trained reward model is trained further, with its own head.
  PairOptions more = reward_options("more");
  more.common.model_name_or_path = (root_ / "rm").string();
  more.common.learning_rate = 0;
  run_reward(more);
  const auto head = [&](const std::string& run) {
    return weights::Checkpoint::open((root_ / run).string()).read("score.weight");
  };
  EXPECT_EQ(head("more"), head("rm"));

  SftOptions sft = sft_options("sft");
  sft.common.model_name_or_path = (root_ / "rm").string();
  EXPECT_NE(message([&] { run_sft(sft); }).find("has a score head, not a language head"),
            std::string::npos);
  PrmOptions wrong = prm_options("wrong");
  wrong.common.model_name_or_path = (root_ / "rm").string();
  EXPECT_NE(message([&] { run_prm(wrong); }).find("wanted a score head as LlamaForToken"),
            std::string::npos);
}

TEST_F(Scoring, AnAdapterHoldsTheHeadAndIsTrainedFurther) {
  write_pairs("pairs.jsonl", true, 24);
  PairOptions o = reward_options("lora");
  o.common.use_peft = true;
  run_reward(o);
  const Json config = Json::parse(read("lora/adapter_config.json"));
  EXPECT_EQ(config["task_type"], "SEQ_CLS");
  EXPECT_EQ(config["modules_to_save"], Json({"classifier", "score"}));
  PairOptions more = reward_options("more");
  more.common.use_peft = true;
  more.common.learning_rate = 0;
  more.common.model_name_or_path = (root_ / "lora").string();
  run_reward(more);
  EXPECT_TRUE(read("lora/adapter_model.safetensors") == read("more/adapter_model.safetensors"));
  SftOptions sft = sft_options("sft");
  sft.common.use_peft = true;
  sft.common.model_name_or_path = (root_ / "lora").string();
  EXPECT_NE(message([&] { run_sft(sft); }).find("belongs under a score head"), std::string::npos);
}

TEST_F(Scoring, MarginsAreReadAndLongPairsLeftOut) {
  std::ofstream(root_ / "pairs.jsonl")
      << R"({"prompt": "say ", "chosen": "a", "rejected": "b", "margin": 2})"
         "\n"
      << R"({"prompt": "say ", "chosen": "a", "rejected": "aaaaaaaaaaaaaaaaaaaaa", "margin": 0})"
         "\n";
  PairOptions o = reward_options("a");
  o.data.test_split_size = 0;
  o.common.max_steps = 1;
  o.max_length = 16;
  run_reward(o);
  EXPECT_NE(read("a/rejected.jsonl").find("have 26 tokens, max_length is 16"), std::string::npos)
      << read("a/rejected.jsonl");
  const Json first = metrics("a")[0];
  // -log σ(gap - 2)
  EXPECT_NEAR(first["loss"].get<double>(), std::log1p(std::exp(2 - first["margin"].get<double>())),
              1e-6);
  o.eos_token = "<|im_start|>";
  o.common.output_dir += "b";
  EXPECT_NE(message([&] { run_reward(o); }).find("is the model's padding token"),
            std::string::npos);
  o.eos_token = "";
  std::ofstream(root_ / "pairs.jsonl")
      << R"({"prompt": "say ", "chosen": "a", "rejected": "b", "margin": "wide"})";
  o.common.output_dir += "b";
  EXPECT_NE(message([&] { run_reward(o); }).find("'margin': wanted a number"), std::string::npos);
}

TEST_F(Scoring, SolutionsThatTeachNothingAreLeftOutAndNamed) {
  std::ofstream(root_ / "steps.jsonl")
      << R"({"prompt": "q", "completions": ["a", "b"], "labels": [true, 0]})"
         "\n"
      << R"({"prompt": "0123456789", "completions": ["abcdefghi"], "labels": [1]})"
         "\n";
  PrmOptions o = prm_options("a");
  o.data.test_split_size = 0;
  o.common.max_steps = 1;
  o.steps.max_length = 16;
  run_prm(o);
  EXPECT_NE(read("a/rejected.jsonl").find("no scored step is left"), std::string::npos);
  const std::string shown = read("a/decoded_batch.txt");
  EXPECT_NE(shown.find("a\n⟦score 1⟧b\n⟦score 0⟧"), std::string::npos) << shown;
  std::ofstream(root_ / "steps.jsonl") << R"({"prompt": "q", "completions": ["a", "b"]})";
  o.common.output_dir += "b";
  EXPECT_NE(message([&] { run_prm(o); }).find("no 'labels'"), std::string::npos);
}

TEST_F(Scoring, PublishedStepLabelsAreReadDirectly) {
  std::ofstream(root_ / "steps.jsonl")
      << R"({"input": "1+1? Step 1: two ки\nStep 2: 3 ки", "label": "1+1? Step 1: two +\nStep 2: 3 -", "task": "GSM8K"})";
  PrmOptions o = prm_options("shepherd");
  o.data.test_split_size = 0;
  o.common.max_steps = 1;
  run_prm(o);
  EXPECT_EQ(read("shepherd/decoded_batch.txt"),
            "1+1?Step 1: two\n⟦score 1⟧Step 2: 3\n⟦score 0⟧\n----\n");
  std::ofstream(root_ / "steps.jsonl")
      << R"({"question": {"problem": "q"}, "label": {"steps": [{"completions": [{"text": "a", "rating": 0}, {"text": "b", "rating": -1}], "chosen_completion": null}]}})";
  o.common.output_dir = (root_ / "prm800k").string();
  o.neutral_steps = "right";
  const Result result = run_prm(o);
  EXPECT_EQ((*result.summary)["rows"]["train"], 2);
  EXPECT_NE(read("prm800k/decoded_batch.txt").find("qa\n⟦score 1⟧"), std::string::npos);
  std::ofstream(root_ / "steps.jsonl") << R"({"solution": "a"})";
  o.common.output_dir = (root_ / "other").string();
  EXPECT_NE(message([&] { run_prm(o); }).find("got a row with the columns solution"),
            std::string::npos);
}

class ScoringSlow : public Scoring {
 protected:
  /// Accuracy on 64 held-out pairs after learning from others.
  double learnt(bool planted) const {
    write_pairs("pairs.jsonl", planted, 160);
    PairOptions o = reward_options("run");
    o.common.max_steps = 60;
    o.common.eval_steps = o.common.save_steps = 0;
    o.data.test_split_size = 64;
    run_reward(o);
    return last("run", "eval_accuracy");
  }
};

TEST_F(ScoringSlow, ARewardModelLearnsAPlantedPreference) {
  EXPECT_GT(learnt(true), 0.9);  // 64 coins show 58 heads once in 10^11 throws
}

TEST_F(ScoringSlow, ARewardModelLearnsNothingFromShuffledLabels) {
  EXPECT_LT(learnt(false), 0.75);  // 48 heads of 64: once in 25,000 throws
}

TEST_F(ScoringSlow, APrmFindsPlantedErrors) {
  write_solutions("steps.jsonl", 160);
  PrmOptions o = prm_options("run");
  o.common.max_steps = 60;
  o.common.eval_steps = o.common.save_steps = 0;
  o.data.test_split_size = 40;
  run_prm(o);
  EXPECT_GT(last("run", "eval_accuracy"), 0.9);
}

}  // namespace
}  // namespace temper::train
