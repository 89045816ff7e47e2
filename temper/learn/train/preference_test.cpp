// The preference loop on tiny models: one step against TRL's, the start, resume, bad rows, and
// learning.
#include "temper/learn/train/preference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/train/preferring.h"

namespace temper::train {
namespace {

const std::string kGolden = SOURCE_DIR "/golden/";

std::vector<step::Pair> pairs_of(const Json& golden) {
  std::vector<step::Pair> pairs;
  for (const Json& row : golden["rows"]) {
    pairs.push_back({.prompt = row["prompt"].get<std::vector<int32_t>>(),
                     .chosen = row["chosen"].get<std::vector<int32_t>>(),
                     .rejected = row["rejected"].get<std::vector<int32_t>>()});
  }
  return pairs;
}

/// A word of early letters, from 'a', or of late ones, from 'n'.
std::string word(random::Sequence& draw, char first) {
  std::string text;
  for (int i = 0; i < 6; ++i) text += static_cast<char>(first + draw.below(13));
  return text;
}

TEST(PreferenceStep, LossMetricsAndGradientEqualTrl) {
  const Json golden = recorded_step("dpo");
  std::vector<step::Pair> pairs = pairs_of(golden);
  const auto loss = member("dpo");
  model::Model reference = tiny(golden["reference"], model::Training::None);
  step::PairStepper(reference, *loss, 1000).reference(mine(pairs));
  for (int64_t budget : {20, 1000}) {  // several micro-batches, and one
    model::Model model = tiny(golden["model"], model::Training::Full);
    const step::PairResult result = step::PairStepper(model, *loss, budget).train(given(pairs));
    expect_step("dpo", golden, result, model);
  }
}

TEST(PreferenceStep, MicroBatchesLeaveEveryGradientAsItIs) {
  for (const auto& [name, yaml] : std::vector<std::pair<std::string, std::string>>{
           {"dpo", ""},
           {"dpo", "loss_type: [aot]"},
           {"dpo", "{loss_type: [sigmoid, sft], ld_alpha: 0.5}"},
           {"dpo", "use_weighting: true"},
           {"cpo", ""},
           {"orpo", ""}}) {
    SCOPED_TRACE(name + " " + yaml);
    const auto loss = member(name, yaml);
    std::vector<step::Pair> pairs = pairs_of(recorded_step("dpo"));
    model::Model reference = tiny("tiny/llama_bias", model::Training::None);
    step::PairStepper(reference, *loss, 1000).reference(mine(pairs));
    std::vector<double> together;
    double whole = 0, nll = 0;
    for (int64_t budget : {1000, 1}) {
      model::Model model = tiny("tiny/llama", model::Training::Full);
      const step::PairResult result = step::PairStepper(model, *loss, budget).train(given(pairs));
      const model::Weight* weight = model.store().find("model.layers.0.self_attn.q_proj.weight");
      const std::span<const float> got = model.store().gradient(*weight);
      if (budget == 1000) {
        together.assign(got.begin(), got.end());
        whole = result.loss;
        nll = result.nll;
        continue;
      }
      EXPECT_NEAR(result.loss, whole, 1e-6 * (1 + std::abs(whole)));
      EXPECT_NEAR(result.nll, nll, 1e-6);
      EXPECT_LT(gap(got, together), 1e-5);
    }
    if (name == "orpo") continue;
    // What training saw is what evaluation sees.
    model::Model model = tiny("tiny/llama", model::Training::None);
    EXPECT_NEAR(step::PairStepper(model, *loss, 30).evaluate(given(pairs)).loss, whole,
                1e-6 * (1 + std::abs(whole)));
  }
}

TEST_F(Preferring, TheFirstLossIsExactlyLog2) {
  write_pairs("pairs.jsonl", true, 24);
  for (const auto& [dtype, lora] :
       {std::pair{"float32", false}, {"bfloat16", false}, {"bfloat16", true}}) {
    PreferenceOptions o = options(std::string(dtype) + (lora ? "_lora" : ""));
    o.common.dtype = dtype;
    o.common.use_peft = lora;
    o.common.max_steps = 2;
    o.common.micro_batch_tokens = 60;
    EXPECT_EQ(run_member(o).state.first_loss, std::numbers::ln2) << dtype << lora;
  }
}

TEST_F(Preferring, AStoppedRunResumesToTheSameBits) {
  write_pairs("pairs.jsonl", true, 24);
  expect_resumes("dpo");
}

TEST_F(Preferring, MetricsHaveTrlsNames) {
  write_pairs("pairs.jsonl", true, 24);
  run_member(options("a"));
  const Json first = metrics("a")[0];
  for (const char* name : {"loss", "grad_norm", "learning_rate", "entropy", "mean_token_accuracy",
                           "num_tokens", "rewards/chosen", "rewards/rejected", "rewards/accuracies",
                           "rewards/margins", "logps/chosen", "logps/rejected"}) {
    EXPECT_TRUE(first.contains(name)) << name;
  }
  EXPECT_EQ(first["rewards/margins"], 0);
  EXPECT_FALSE(std::isnan(last("a", "eval_rewards/accuracies")));
  EXPECT_NE(read("a/decoded_batch.txt").find("[rejected]"), std::string::npos);
}

TEST_F(Preferring, PairsThatTeachNothingAreLeftOutAndNamed) {
  std::ofstream(root_ / "pairs.jsonl")
      << R"({"prompt": "say ", "chosen": "a", "rejected": "b"})"
         "\n"
      << R"({"prompt": "say ", "chosen": "same", "rejected": "same"})"
         "\n"
      << R"({"prompt": "12345678901234567890", "chosen": "a", "rejected": "b"})"
         "\n"
      << R"({"prompt": "say ", "chosen": "aaaaaaaaaaaaaaaaaab", "rejected": "aaaaaaaaaaaaaaaaaac"})"
         "\n";
  PreferenceOptions o = options("a");
  o.data.test_split_size = 0;
  o.max_length = 16;
  run_member(o);
  const std::string rejected = read("a/rejected.jsonl");
  EXPECT_NE(rejected.find("the same tokens\""), std::string::npos) << rejected;
  EXPECT_NE(rejected.find("the same tokens after truncation"), std::string::npos);
  EXPECT_NE(rejected.find("the prompt has 20 tokens"), std::string::npos);
  EXPECT_EQ(Json::parse(read("a/summary.json"))["rows"]["train"], 1);
}

TEST_F(Preferring, RowsOfAnotherTypeAreRefused) {
  std::ofstream(root_ / "pairs.jsonl") << R"({"prompt": "a", "completion": "b", "label": true})";
  const std::string what = message([&] { run_member(options("a")); });
  EXPECT_NE(what.find("wanted a preference row, got a prompt-only row with the columns prompt, "
                      "completion, label"),
            std::string::npos)
      << what;
}

class PreferringSlow : public Preferring {
 protected:
  /// Preference accuracy on held-out pairs after learning from others.
  double learnt(const std::string& name, const std::string& yaml, bool planted) const {
    write_pairs("pairs.jsonl", planted);
    PreferenceOptions o = options("run");
    o.common.max_steps = 40;
    o.common.eval_steps = o.common.save_steps = 0;
    o.data.test_split_size = 32;
    run_member(o, name, yaml);
    return last("run", "eval_rewards/accuracies");
  }
};

TEST_F(PreferringSlow, DpoLearnsAPlantedPreference) {
  // 32 coins show 28 heads once in 100,000 throws
  EXPECT_GE(learnt("dpo", "", true), 28.0 / 32);
}
TEST_F(PreferringSlow, DpoLearnsNothingFromShuffledLabels) {
  EXPECT_LT(learnt("dpo", "", false), 27.0 / 32);
}
TEST_F(PreferringSlow, IpoLearnsAPlantedPreference) {
  EXPECT_GE(learnt("dpo", "loss_type: [ipo]", true), 28.0 / 32);
}
TEST_F(PreferringSlow, CpoLearnsAPlantedPreference) {
  EXPECT_GE(learnt("cpo", "", true), 28.0 / 32);
}
TEST_F(PreferringSlow, OrpoLearnsAPlantedPreference) {
  EXPECT_GE(learnt("orpo", "beta: 1", true), 28.0 / 32);
}

}  // namespace

std::unique_ptr<algo::PreferenceLoss> member(const std::string& name, const std::string& yaml) {
  return algo::named_member(algo::preference_catalogue(), name, yaml);
}

model::Model tiny(const std::string& name, model::Training training) {
  return model::Model::load(weights::Checkpoint::open(kGolden + name),
                            {.dtype = kernel::Dtype::Float32, .training = training, .lora = {}});
}

Json recorded_step(const std::string& name) {
  const std::string file = name + ".json";
  return text::parse_json(file::read_file(kGolden + file), file)["step"];
}

void expect_step(const std::string& name, const Json& golden, const step::PairResult& result,
                 model::Model& model) {
  const file::Safetensors gradients = file::Safetensors::open(kGolden + name + ".safetensors");
  // the model computes in float32
  EXPECT_NEAR(result.loss, golden["loss"].get<double>(), 1e-5);
  for (const auto& [metric, value] : golden["metrics"].items()) {
    const double got = metric == "entropy" ? result.mean_entropy : result.metrics.at(metric);
    EXPECT_NEAR(got, value.get<double>(), 1e-4 * (1 + std::abs(got))) << metric;
  }
  expect_gradients(model, gradients, "", 5e-5);
}

std::vector<step::Pair*> mine(std::vector<step::Pair>& pairs) {
  std::vector<step::Pair*> all;
  for (step::Pair& pair : pairs) all.push_back(&pair);
  return all;
}

std::vector<const step::Pair*> given(const std::vector<step::Pair>& pairs) {
  std::vector<const step::Pair*> all;
  for (const step::Pair& pair : pairs) all.push_back(&pair);
  return all;
}

void Preferring::write_answers(const std::string& name, bool planted, int count) const {
  std::ofstream rows(root_ / name);
  random::Sequence draw(random::Stream(7, random::Purpose::Data));
  for (int i = 0; i < count; ++i) {
    const bool good = draw.below(2) == 0, swapped = !planted && draw.below(2) == 0;
    rows << text::to_line({{"prompt", "say " + word(draw, 'a') + " "},
                           {"completion", word(draw, good ? 'a' : 'n')},
                           {"label", good != swapped}})
         << "\n";
  }
}

PreferenceOptions Preferring::options(const std::string& name) const {
  PreferenceOptions o;
  o.common = common_options(name);
  o.common.dtype = "float32";
  o.common.learning_rate = 2e-3;
  o.common.per_device_train_batch_size = 4;
  o.common.max_steps = 6;
  o.common.save_steps = 2;
  o.common.eval_steps = 3;
  o.data.dataset_name = (root_ / "pairs.jsonl").string();
  o.data.test_split_size = 8;
  return o;
}

Result Preferring::run_member(const PreferenceOptions& o, const std::string& name,
                              const std::string& yaml, const std::atomic<bool>* interrupted) const {
  return preference(o, *member(name, yaml), setting(name, config::to_yaml(o), interrupted));
}

void Preferring::expect_resumes(const std::string& name) const {
  const std::string whole = name + "_whole", parts = name + "_parts";
  run_member(options(whole), name);
  const std::atomic<bool> stop{true};  // stops after each step
  PreferenceOptions o = options(parts);
  EXPECT_TRUE(run_member(o, name, "", &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  EXPECT_TRUE(run_member(o, name, "", &stop).interrupted);
  // read again from the first model
  file::remove_folder((root_ / parts / "reference.jsonl").string());
  EXPECT_FALSE(run_member(o, name).interrupted);
  EXPECT_TRUE(read(whole + "/model.safetensors") == read(parts + "/model.safetensors"));
  EXPECT_TRUE(metrics(whole) == metrics(parts));
  EXPECT_EQ(read(whole + "/reference.jsonl"), read(parts + "/reference.jsonl"));
}

}  // namespace temper::train
