#include "temper/engine/model/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "temper/engine/model/merge.h"
#include "temper/engine/model/tiny_case.h"
#include "temper/engine/model/tiny_llama.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::model {
namespace {

std::string recorded(const std::string& name) {
  return SOURCE_DIR "/golden/adapter/" + name;
}

/// The base model under the adapter, which is to be trained further.
Model load(const std::string& name, kernel::Dtype dtype = kernel::Dtype::Float32) {
  const AdapterConfig config = read_adapter_config(recorded(name));
  Model model = Model::load(weights::Checkpoint::open(SOURCE_DIR "/" + config.base),
                            {.dtype = dtype, .training = Training::Lora, .lora = config.options});
  read_adapter(recorded(name), model);
  return model;
}

std::vector<std::vector<int32_t>> sequences_of(const std::string& name) {
  const std::string base = SOURCE_DIR "/" + read_adapter_config(recorded(name)).base;
  return read_case(file::Safetensors::open(base + "/vectors.safetensors")).sequences;
}

class Recorded : public testing::TestWithParam<const char*> {};

TEST_P(Recorded, LogProbsAndGradientsArePefts) {
  const auto vectors = file::Safetensors::open(recorded(GetParam()) + "/vectors.safetensors");
  Model model = load(GetParam());
  const Nll got = nll_with_gradients(model, sequences_of(GetParam()));
  std::vector<double> logp = numbers<double>(vectors, "logp_0");
  for (double value : numbers<double>(vectors, "logp_1")) logp.push_back(value);
  expect_near(got.logp, logp, "logp");
  EXPECT_NEAR(got.nll, numbers<double>(vectors, "nll")[0], 1e-6);
  size_t trained = 0;
  for (const Weight& weight : model.store().all()) {
    if (!weight.trained()) continue;
    ++trained;
    expect_near(model.store().gradient(weight), numbers<double>(vectors, "grad." + weight.name),
                weight.name);
  }
  EXPECT_EQ(trained, vectors.tensors().size() - 3);
}

TEST_P(Recorded, WhatIsWrittenAgainSaysTheSame) {
  const std::string folder = testing::TempDir() + "temper_adapter_" + GetParam();
  file::remove_folder(folder);
  const Model model = load(GetParam());
  write_adapter(folder, model, read_adapter_config(recorded(GetParam())).base);
  auto config = [](const std::string& path) {
    return text::parse_json(file::read_file(path + "/adapter_config.json"), path);
  };
  const Json ours = config(folder), theirs = config(recorded(GetParam()));
  for (const char* key : {"r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern",
                          "alpha_pattern", "layers_to_transform", "task_type",
                          "ensure_weight_tying", "peft_type", "base_model_name_or_path"}) {
    EXPECT_EQ(ours.value(key, Json()), theirs.value(key, Json())) << key;
  }
  const auto mine = file::Safetensors::open(folder + "/adapter_model.safetensors");
  const auto peers = file::Safetensors::open(recorded(GetParam()) + "/adapter_model.safetensors");
  ASSERT_EQ(mine.tensors().size(), peers.tensors().size());
  for (const file::Safetensors::Tensor& tensor : peers.tensors()) {
    ASSERT_NE(mine.find(tensor.name), nullptr) << tensor.name;
    EXPECT_EQ(mine.find(tensor.name)->shape, tensor.shape) << tensor.name;
    EXPECT_EQ(numbers<float>(mine, tensor.name), numbers<float>(peers, tensor.name));
  }
  const AdapterConfig again = read_adapter_config(folder);
  const Choice mine_chosen = choose(model.config(), again.options);
  const Choice chosen = choose(model.config(), model.options().lora);
  EXPECT_EQ(mine_chosen.adapted.size(), chosen.adapted.size());
  EXPECT_EQ(mine_chosen.whole, chosen.whole);
  file::remove_folder(folder);
}

/// The merged values in a plain model.
Model merged(const Model& adapted) {
  ModelOptions options{.dtype = adapted.options().dtype, .lora = {}};
  Model plain = Model::fresh(adapted.config(), options, 1);
  for (Weight& weight : plain.store().all()) {
    std::vector<float> values(static_cast<size_t>(weight.size()));
    read_merged(adapted, weight.name, values);
    plain.store().assign(weight, values, options.dtype, false);
  }
  return plain;
}

TEST_P(Recorded, MergedLogProbsAreTheAdaptersWithinRounding) {
  for (const auto& [dtype, within] :
       {std::pair{kernel::Dtype::Float32, 2e-5}, {kernel::Dtype::BFloat16, 0.25}}) {
    Model adapted = load(GetParam(), dtype), whole = merged(adapted);
    const std::vector<float> apart = nll_with_gradients(adapted, sequences_of(GetParam())).logp;
    const std::vector<float> one = nll_with_gradients(whole, sequences_of(GetParam())).logp;
    double largest = 0;
    for (size_t i = 0; i < apart.size(); ++i)
      largest = std::max(largest, std::abs(double{apart[i]} - double{one[i]}));
    EXPECT_LT(largest, within);  // 2^-9 of each merged weight in bf16, 2^-24 in float32
    // A merged copy does not say the same bits: sampled from, it would show as a mismatch.
    EXPECT_GT(largest, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Recorded,
                         testing::Values("lora", "rslora", "dora", "dora_tied", "whole"));

std::vector<std::string> adapted(const LoraOptions& options) {
  std::vector<std::string> names;
  for (const Adapted& each : choose(tiny_llama(96, 32, 48, 64), options).adapted)
    names.push_back(each.module);
  return names;
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Lora, TargetsAreNamesWhatTheyEndInOrOnePattern) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(adapted({}).size(), 14u);
  EXPECT_EQ(adapted({.targets = {"q_proj", "model.layers.0.mlp.up_proj"}}),
            (Names{"model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj",
                   "model.layers.1.self_attn.q_proj"}));
  EXPECT_EQ(adapted({.targets = {R"(.*\.1\.mlp\.(gate|down)_proj)"}}),
            (Names{"model.layers.1.mlp.gate_proj", "model.layers.1.mlp.down_proj"}));
  EXPECT_EQ(adapted({.targets = {"k_proj"}, .layers = {1}}),
            (Names{"model.layers.1.self_attn.k_proj"}));
  EXPECT_EQ(adapted({.targets = {"k_proj", "q_proj"}, .excluded = {"q_proj"}}).size(), 2u);
  EXPECT_EQ(adapted({.targets = {"k_proj", "q_proj"}, .saved = {"q_proj"}}).size(), 2u);
}

TEST(Lora, WhatFitsNothingIsNamedWithTheNearest) {
  const std::string typo = message([] { adapted({.targets = {"qproj"}}); });
  EXPECT_NE(typo.find("no module is called 'qproj'"), std::string::npos) << typo;
  EXPECT_NE(typo.find("did you mean 'q_proj'"), std::string::npos) << typo;
  EXPECT_NE(message([] {
              adapted({.targets = {"q_proj", ".*k_proj"}});
            }).find("'.*k_proj'"),
            std::string::npos);
  EXPECT_NE(message([] { adapted({.targets = {".*w_proj"}}); }).find("whole name of no module"),
            std::string::npos);
  EXPECT_NE(message([] { adapted({.targets = {"(q_proj"}}); }).find("regex:"), std::string::npos);
  const std::string saved = message([] { adapted({.saved = {"embed_token"}}); });
  EXPECT_NE(saved.find("did you mean 'embed_tokens'"), std::string::npos) << saved;
  EXPECT_NE(message([] { adapted({.targets = {"lm_head"}}); }).find("cannot have an adapter"),
            std::string::npos);
  EXPECT_NE(message([] { adapted({.targets = {".*"}}); }).find("cannot have an adapter"),
            std::string::npos);
  EXPECT_NE(message([] {
              adapted({.targets = {"q_proj"}, .saved = {"q_proj"}});
            }).find("no module is left"),
            std::string::npos);
  EXPECT_NE(message([] { adapted({.layers = {2}}); }).find("numbers below 2"), std::string::npos);
  EXPECT_NE(message([] { adapted({.targets = {".*q_proj"}, .layers = {1}}); }).find("layers_to"),
            std::string::npos);
  EXPECT_NE(message([] {
              adapted({.rank_pattern = {{"q_proj", 0}}});
            }).find("at least 1"),
            std::string::npos);
}

TEST(Lora, ATiedHeadIsTrainedWithItsEmbeddingOrNotAtAll) {
  for (const char* name : {"lm_head", "embed_tokens"}) {
    const Choice choice = choose(tiny_llama(96, 32, 48, 64), {.saved = {name}});
    EXPECT_EQ(choice.whole, std::vector<std::string>{"model.embed_tokens"});
    EXPECT_TRUE(choice.is_whole("model.embed_tokens.weight"));
    EXPECT_NE(message([&] {
                adapted({.saved = {name}, .keeps_tied = false});
              }).find("ensure_weight_tying"),
              std::string::npos);
  }
}

TEST(Lora, AConfigThatSaysMoreThanIsUnderstoodIsRefused) {
  const std::string folder = testing::TempDir() + "temper_adapter_config";
  file::make_folder(folder);
  const std::string path = recorded("lora") + "/adapter_config.json";
  const Json good = text::parse_json(file::read_file(path), path);
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{
           {"fan_in_fan_out", true},
           {"bias", "all"},
           {"layer_replication", Json::array({Json::array({0, 2})})},
           {"trainable_token_indices", Json::array({1, 2})},
           {"target_parameters", Json::array({"w"})},
           {"an_option_of_tomorrow", true},
           {"init_lora_weights", "pissa"},
           {"layers_pattern", "blocks"},
           {"peft_type", "IA3"},
           {"r", 0}}) {
    Json bad = good;
    bad[key] = value;
    if (key == "layers_pattern") bad["layers_to_transform"] = Json::array({0});
    file::write_atomically(folder + "/adapter_config.json", bad.dump());
    EXPECT_NE(message([&] { read_adapter_config(folder); }).find(key), std::string::npos) << key;
  }
  file::remove_folder(folder);
}

TEST(Lora, AFreshAdapterChangesNothingAndCanBeLeftOut) {
  const auto checkpoint = weights::Checkpoint::open(tiny("llama_bias"));
  const std::vector<std::vector<int32_t>> ids = {{1, 5, 9, 3}};
  Model plain = Model::load(checkpoint, {.dtype = kernel::Dtype::Float32, .lora = {}});
  const std::vector<float> base = nll_with_gradients(plain, ids).logp;
  for (bool decomposed : {false, true}) {
    Model model = Model::load(checkpoint, {.dtype = kernel::Dtype::Float32,
                                           .training = Training::Lora,
                                           .lora = {.rank = 4, .decomposed = decomposed}});
    EXPECT_EQ(nll_with_gradients(model, ids).logp, base) << decomposed;
    for (Weight& weight : model.store().all()) {
      if (!weight.name.ends_with("lora_B.weight")) continue;
      for (float& value : model.store().master(weight)) value = 0.05f;
    }
    model.refresh();
    EXPECT_NE(nll_with_gradients(model, ids).logp, base) << decomposed;
    EXPECT_TRUE(model.is_own_reference());
    model.use_adapter(false);
    EXPECT_EQ(nll_with_gradients(model, ids).logp, base) << decomposed;
  }
}

/// A model under the recorded adapter of that name, its base quantised.
Model quantised(const std::string& name, const kernel::QuantiseOptions& options,
                kernel::Dtype dtype) {
  const AdapterConfig config = read_adapter_config(recorded(name));
  Model model = Model::load(
      weights::Checkpoint::open(SOURCE_DIR "/" + config.base),
      {.dtype = dtype, .training = Training::Lora, .lora = config.options, .quantise = options});
  read_adapter(recorded(name), model);
  return model;
}

TEST_P(Recorded, AQuantisedBaseTrainsAsOneOfItsValues) {
  using Kind = kernel::QuantiseOptions::Kind;
  for (const kernel::QuantiseOptions& options :
       {kernel::QuantiseOptions{.kind = Kind::Int8}, {.kind = Kind::Nf4}, {Kind::Nf4, true}}) {
    for (kernel::Dtype dtype : {kernel::Dtype::Float32, kernel::Dtype::BFloat16}) {
      Model model = quantised(GetParam(), options, dtype), same = load(GetParam(), dtype);
      size_t read = 0;
      for (Weight& weight : same.store().all()) {
        const Weight* from = model.store().find(weight.name);
        if (!from->quantised) continue;
        std::vector<float> values(static_cast<size_t>(weight.size()));
        model.store().read(*from, values);
        same.store().assign(weight, values, dtype, true);
        ++read;
      }
      EXPECT_GT(read, 8u);
      for (Weight& weight : same.store().all()) {  // DoRA's norms follow the base
        const Linear* layer = same.find_linear(weight.name);
        if (layer != nullptr && layer->magnitude != nullptr) {
          start_magnitude(const_cast<Linear&>(*layer));
          refresh_gain(const_cast<Linear&>(*layer));
        }
      }
      const auto ids = sequences_of(GetParam());
      EXPECT_EQ(nll_with_gradients(model, ids).logp, nll_with_gradients(same, ids).logp);
      const std::span<const float> got = model.store().gradients(), want = same.store().gradients();
      ASSERT_EQ(got.size(), want.size());
      EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size_bytes()), 0);
    }
  }
}

TEST(Lora, TrainingMovesWhatWasChosenAndNothingElse) {
  LoraOptions options{.rank = 2, .decomposed = true, .targets = {"v_proj"}, .saved = {"norm"}};
  Model model =
      Model::load(weights::Checkpoint::open(tiny("qwen3")),
                  {.dtype = kernel::Dtype::Float32, .training = Training::Lora, .lora = options});
  EXPECT_FALSE(model.is_own_reference());
  auto values = [&] {
    std::map<std::string, std::vector<float>> all;
    for (const Weight& weight : model.store().all()) {
      all[weight.name].resize(static_cast<size_t>(weight.size()));
      model.store().read(weight, all[weight.name]);
    }
    return all;
  };
  const auto before = values();
  for (int step = 0; step < 2; ++step) {  // A moves once B is not zero
    nll_with_gradients(model, {{4, 8, 15, 16, 23}});
    for (Weight& weight : model.store().all()) {
      if (!weight.trained()) continue;
      const std::span<float> at = model.store().master(weight);
      const std::span<float> slope = model.store().gradient(weight);
      for (size_t i = 0; i < at.size(); ++i) at[i] -= 0.1f * slope[i];
    }
    model.refresh();
  }
  size_t moved = 0;
  for (const auto& [name, now] : values()) {
    const bool chosen = name.find("lora_") != name.npos || name.ends_with("norm.weight");
    EXPECT_EQ(now != before.at(name), chosen) << name;
    moved += now != before.at(name);
  }
  EXPECT_EQ(moved, 6 + 9);
}

}  // namespace
}  // namespace temper::model
