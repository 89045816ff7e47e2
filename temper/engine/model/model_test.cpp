#include "temper/engine/model/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/engine/model/tiny_case.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::model {
namespace {

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
  EXPECT_NEAR(nll_with_gradients(model, wanted.sequences).nll, numbers<double>(vectors, "nll")[0],
              1e-6);
  for (const Weight& weight : model.store().all()) {
    const std::vector<double> exact = numbers<double>(vectors, "grad." + weight.name);
    expect_near(model.store().gradient(weight), exact, weight.name);
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
                                         "qwen3", "qwen3_untied", "mistral", "qwen2_window"));

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

}  // namespace
}  // namespace temper::model
