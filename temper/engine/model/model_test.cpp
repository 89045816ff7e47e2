#include "temper/engine/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/foundation/text/json.h"

namespace temper::model {
namespace {

std::string tiny(const std::string& name) {
  return SOURCE_DIR "/golden/tiny/" + name;
}

template <class T>
std::vector<T> numbers(const file::Safetensors& file, const std::string& name) {
  const file::Safetensors::Tensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  std::vector<T> values(tensor->data.size() / sizeof(T));
  std::memcpy(values.data(), tensor->data.data(), tensor->data.size());
  return values;
}

struct Case {
  std::vector<std::vector<int32_t>> sequences;
  std::vector<std::vector<double>> logits;
};

Case read_case(const file::Safetensors& vectors) {
  Case read;
  for (const char* number : {"0", "1"}) {
    std::vector<int32_t> ids;
    for (int64_t id : numbers<int64_t>(vectors, std::string("ids_") + number)) {
      ids.push_back(static_cast<int32_t>(id));
    }
    read.sequences.push_back(ids);
    read.logits.push_back(numbers<double>(vectors, std::string("logits_") + number));
  }
  return read;
}

/// All rows of all sequences, packed one after the other; every row is an output.
Batch pack(const std::vector<std::vector<int32_t>>& sequences, bool without_last) {
  Batch batch;
  for (const std::vector<int32_t>& ids : sequences) {
    const int64_t rows = static_cast<int64_t>(ids.size()) - (without_last ? 1 : 0);
    SequenceRows run{.first_row = batch.rows(),
                     .rows = rows,
                     .unit = static_cast<int64_t>(batch.sequences.size())};
    for (int64_t i = 0; i < rows; ++i) {
      if (i % kernel::kKvBlock == 0) run.blocks.push_back(static_cast<int32_t>(batch.blocks++));
      batch.outputs.push_back(static_cast<int32_t>(batch.rows()));
      batch.tokens.push_back(ids[static_cast<size_t>(i)]);
      batch.positions.push_back(static_cast<int32_t>(i));
    }
    batch.sequences.push_back(run);
  }
  return batch;
}

class TinyModel : public testing::TestWithParam<const char*> {};

TEST_P(TinyModel, LogitsAreTransformers) {
  const auto vectors = file::Safetensors::open(tiny(GetParam()) + "/vectors.safetensors");
  const Case wanted = read_case(vectors);
  Model model = Model::load(weights::Checkpoint::open(tiny(GetParam())),
                            {.dtype = kernel::Dtype::Float32, .lora = {}});
  const Batch batch = pack(wanted.sequences, false);
  KvCache cache = model.cache(batch.blocks);
  const int64_t vocabulary = model.config().vocabulary;
  tensor::Floats hidden(batch.rows() * model.config().width), logits(batch.rows() * vocabulary);
  model.infer(batch, cache, hidden.data());
  kernel::head_logits(hidden.data(), batch.rows(), model.head().forward, logits.data());
  const float* got = logits.data();
  for (const std::vector<double>& sequence : wanted.logits) {
    for (double value : sequence) {
      ASSERT_NEAR(*got, value, 1e-5 + 1e-5 * std::abs(value));
      ++got;
    }
  }
}

TEST_P(TinyModel, GradientsAreTransformers) {
  const auto vectors = file::Safetensors::open(tiny(GetParam()) + "/vectors.safetensors");
  const Case wanted = read_case(vectors);
  Model model =
      Model::load(weights::Checkpoint::open(tiny(GetParam())),
                  {.dtype = kernel::Dtype::Float32, .training = Training::Full, .lora = {}});
  const Batch batch = pack(wanted.sequences, true);
  std::vector<int32_t> targets;
  for (const std::vector<int32_t>& ids : wanted.sequences) {
    targets.insert(targets.end(), ids.begin() + 1, ids.end());
  }
  const int64_t rows = batch.rows();
  Activations activations;
  tensor::Floats hidden(rows * model.config().width), d_hidden(rows * model.config().width);
  std::vector<float> logp(targets.size()), lse(targets.size());
  model.forward(batch, activations, hidden.data());
  const kernel::HeadInput head{.hidden = hidden.data(),
                               .rows = rows,
                               .weight = model.head().forward,
                               .targets = targets.data()};
  kernel::head(head, {.logp = logp.data(), .lse = lse.data()});
  double nll = 0;
  for (float value : logp) nll -= value / static_cast<double>(rows);
  EXPECT_NEAR(nll, numbers<double>(vectors, "nll")[0], 1e-6);
  const std::vector<float> d_logp(targets.size(), -1.0f / static_cast<float>(rows));
  kernel::head_backward(head, {.lse = lse.data(),
                               .d_logp = d_logp.data(),
                               .weight_plain = model.head().plain,
                               .d_hidden = d_hidden.data(),
                               .d_weight = model.head_gradient()});
  model.backward(batch, activations, d_hidden.data());
  for (const Weight& weight : model.store().all()) {
    const std::vector<double> exact = numbers<double>(vectors, "grad." + weight.name);
    const std::span<float> got = model.store().gradient(weight);
    ASSERT_EQ(exact.size(), got.size()) << weight.name;
    double largest = 0;
    for (double value : exact) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < exact.size(); ++i) {  // float32 rounding over two layers
      ASSERT_NEAR(got[i], exact[i], 1e-6 + 2e-5 * largest) << weight.name << "[" << i << "]";
    }
  }
}

TEST_P(TinyModel, GradientCheckpointingChangesNoBit) {
  const auto checkpoint = weights::Checkpoint::open(tiny(GetParam()));
  const Batch batch = pack({{1, 5, 9, 3, 8}, {2, 7}}, true);
  auto gradients = [&](Training training, bool again) {
    Model model = Model::load(checkpoint, {.dtype = kernel::Dtype::BFloat16,
                                           .training = training,
                                           .lora = {.rank = 4},
                                           .gradient_checkpointing = again});
    for (Weight& weight : model.store().all()) {  // fresh adapters have no gradient of A
      if (!weight.name.ends_with("lora_B.weight")) continue;
      for (float& value : model.store().master(weight)) value = 0.05f;
    }
    model.refresh();
    Activations activations;
    const std::vector<float> slope(static_cast<size_t>(batch.rows() * model.config().width), 0.3f);
    std::vector<float> hidden(slope.size());
    for (int times = 0; times < 2; ++times) {  // what is kept is used again
      model.forward(batch, activations, hidden.data());
      model.backward(batch, activations, slope.data());
    }
    const std::span<float> all = model.store().gradients();
    return std::vector<float>(all.begin(), all.end());
  };
  for (Training training : {Training::Full, Training::Lora}) {
    const std::vector<float> kept = gradients(training, false);
    EXPECT_GT(*std::max_element(kept.begin(), kept.end()), 0);
    EXPECT_TRUE(gradients(training, true) == kept);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, TinyModel,
                         testing::Values("llama", "llama_tied", "llama_bias", "llama_llama3",
                                         "llama_linear", "llama_yarn", "qwen2", "qwen2_tied",
                                         "qwen3", "qwen3_untied"));

/// Logits of SmolLM2-135M against transformers' float32 ones, whose own noise is 6e-5.
TEST(Model, SmolLm2LogitsAreTransformers) {
  const std::string path = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!file::exists(path)) GTEST_SKIP() << "the demo's model is not there: dev/setup fetches it";
  const std::string vectors = SOURCE_DIR "/golden/smollm2_logits.json";
  const Json wanted = text::parse_json(file::read_file(vectors), vectors);
  Model model =
      Model::load(weights::Checkpoint::open(path), {.dtype = kernel::Dtype::Float32, .lora = {}});
  const Batch batch = pack({wanted.at("ids").get<std::vector<int32_t>>()}, false);
  KvCache cache = model.cache(batch.blocks);
  const int64_t vocabulary = model.config().vocabulary;
  tensor::Floats hidden(batch.rows() * model.config().width), logits(batch.rows() * vocabulary);
  model.infer(batch, cache, hidden.data());
  kernel::head_logits(hidden.data(), batch.rows(), model.head().forward, logits.data());
  const std::vector<int64_t> chosen = wanted.at("chosen_ids").get<std::vector<int64_t>>();
  for (const auto& [position, values] : wanted.at("positions").items()) {
    const float* row = logits.data() + std::stoll(position) * vocabulary;
    const std::vector<double> exact = values.at("chosen").get<std::vector<double>>();
    for (size_t i = 0; i < chosen.size(); ++i) {
      ASSERT_NEAR(row[chosen[i]], exact[i], 1e-4 + 1e-5 * std::abs(exact[i]))
          << position << "/" << chosen[i];
    }
  }
}

TEST(Lora, TargetsAreNamesOrWhatTheyEndIn) {
  LoraOptions options{.targets = {"q_proj", "model.layers.0.mlp.up_proj"}};
  EXPECT_TRUE(is_target(options, "model.layers.7.self_attn.q_proj"));
  EXPECT_TRUE(is_target(options, "model.layers.0.mlp.up_proj"));
  EXPECT_FALSE(is_target(options, "model.layers.1.mlp.up_proj"));
  check_targets(options);
  options.targets = {"qproj"};
  EXPECT_THROW(check_targets(options), Error);
}

TEST(Model, AFreshAdapterChangesNothingAndCanBeLeftOut) {
  const auto checkpoint = weights::Checkpoint::open(tiny("llama"));
  Model plain = Model::load(checkpoint, {.dtype = kernel::Dtype::Float32, .lora = {}});
  Model adapted = Model::load(
      checkpoint,
      {.dtype = kernel::Dtype::Float32, .training = Training::Lora, .lora = {.rank = 4}});
  const Batch batch = pack({{1, 5, 9, 3}}, false);
  auto hidden = [&](Model& model) {
    KvCache cache = model.cache(batch.blocks);
    std::vector<float> out(static_cast<size_t>(batch.rows() * model.config().width));
    model.infer(batch, cache, out.data());
    return out;
  };
  const std::vector<float> base = hidden(plain);
  EXPECT_EQ(hidden(adapted), base);
  for (Weight& weight : adapted.store().all()) {
    if (!weight.name.ends_with("lora_B.weight")) continue;
    for (float& value : adapted.store().master(weight)) value = 0.05f;
  }
  adapted.refresh();
  EXPECT_NE(hidden(adapted), base);
  adapted.use_adapter(false);
  EXPECT_EQ(hidden(adapted), base);
}

}  // namespace
}  // namespace temper::model
