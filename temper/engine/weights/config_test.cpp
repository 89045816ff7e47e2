#include "temper/engine/weights/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::weights {

namespace {

Json llama() {
  return text::parse_json(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 96,
      "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
      "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "rope_theta": 5e5,
      "hidden_act": "silu", "eos_token_id": 2, "torch_dtype": "bfloat16"})",
      "x");
}

ModelConfig read(const Json& json) {
  return from_config_json(text::to_line(json), "config.json");
}

Json with(Json json, const std::string& changes) {
  json.update(text::parse_json(changes, "changes"));
  return json;
}

TEST(ModelConfig, ReadsLlama) {
  ModelConfig c = read(llama());
  EXPECT_EQ(c.family, Family::Llama);
  EXPECT_EQ(c.head_dim, 8);
  EXPECT_EQ(c.norm_eps, 1e-5);
  EXPECT_EQ(c.rope_theta, 5e5);
  EXPECT_EQ(c.eos_ids, std::vector<int32_t>{2});
  EXPECT_FALSE(c.tied_head);
  EXPECT_FALSE(c.attention_bias);
  EXPECT_FALSE(c.bos_id);
  EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::None);
  EXPECT_EQ(parameters_of(c),
            2 * 96 * 32 + 32 + 2 * (2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32));
  EXPECT_EQ(read(with(llama(), R"({"eos_token_id": [5, 2]})")).eos_ids,
            (std::vector<int32_t>{5, 2}));
  EXPECT_TRUE(read(with(llama(), R"({"attention_bias": true})")).attention_output_bias);
}

TEST(ModelConfig, ReadsQwen) {
  Json json = llama();
  json["architectures"] = {"Qwen2ForCausalLM"};
  json["model_type"] = "qwen2";
  ModelConfig qwen2 = read(
      with(json, R"({"use_sliding_window": false, "sliding_window": 32, "max_window_layers": 1})"));
  EXPECT_TRUE(qwen2.attention_bias);
  EXPECT_FALSE(qwen2.attention_output_bias);
  EXPECT_FALSE(qwen2.qk_norm);
  json["architectures"] = {"Qwen3ForCausalLM"};
  json["model_type"] = "qwen3";
  ModelConfig qwen3 = read(with(json, R"({"head_dim": 16})"));
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_FALSE(qwen3.attention_bias);
  EXPECT_EQ(qwen3.head_dim, 16);
  EXPECT_EQ(read(json).head_dim, 128) << "Qwen3's default in transformers";
}

TEST(ModelConfig, ReadsRopeInBothSpellings) {
  const char* old =
      R"({"rope_theta": 1e4, "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 16}})";
  const char* now =
      R"({"rope_theta": 7, "rope_parameters": {"rope_theta": 1e4, "rope_type": "llama3", "factor": 32,
      "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 16}})";
  for (const char* changes : {old, now}) {
    ModelConfig c = read(with(llama(), changes));
    EXPECT_EQ(c.rope_theta, 1e4);
    EXPECT_EQ(c.rope_scaling.kind, RopeScaling::Kind::Llama3);
    EXPECT_EQ(c.rope_scaling.factor, 32);
    EXPECT_EQ(c.rope_scaling.original_max_positions, 16);
  }
  ModelConfig yarn =
      read(with(llama(), R"({"rope_scaling": {"type": "yarn", "factor": 4, "beta_fast": 16}})"));
  EXPECT_EQ(yarn.rope_scaling.kind, RopeScaling::Kind::Yarn);
  EXPECT_EQ(yarn.rope_scaling.beta_fast, 16);
  EXPECT_EQ(yarn.rope_scaling.original_max_positions, 64);
}

TEST(ModelConfig, WhatItCannotComputeIsRefusedByName) {
  struct Case {
    const char* changes;
    const char* says;
  };
  const Case cases[] = {
      {R"({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"})",
       "'GPT2LMHeadModel' (model_type 'gpt2')"},
      {R"({"architectures": ["Qwen2ForCausalLM"]})", "is not supported"},
      {R"({"architectures": "LlamaForCausalLM"})", "a list of one name"},
      {R"({"logit_scale": 0.5})", "the key 'logit_scale' is not known"},
      {R"({"hidden_act": "gelu"})", "temper computes only \"silu\""},
      {R"({"attention_dropout": 0.1})", "'attention_dropout' is 0.1"},
      {R"({"quantization_config": {"bits": 4}})", "'quantization_config'"},
      {R"({"partial_rotary_factor": 0.5})", "'partial_rotary_factor'"},
      {R"({"sliding_window": 32})", "a sliding window is named"},
      {R"({"layer_types": ["full_attention"]})", "one entry a layer"},
      {R"({"layer_types": ["full_attention", "linear_attention"]})",
       "a list of full_attention and sliding_attention"},
      {R"({"rope_scaling": {"rope_type": "longrope", "factor": 2}})",
       "'longrope' is not supported"},
      {R"({"rope_scaling": {"rope_type": "linear"}})", "'factor' is missing"},
      {R"({"rope_scaling": {"rope_type": "linear", "factor": 2, "short_factor": [1]}})",
       "'short_factor'"},
      {R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})", "factor should be above 0"},
      {R"({"rope_scaling": {"rope_type": "default", "mrope_section": [1]}})", "'mrope_section'"},
      {R"({"rope_scaling": [1]})", "should be an object"},
      {R"({"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4}})",
       "low_freq_factor < high_freq_factor"},
      {R"({"vocab_size": null})", "'vocab_size' is missing"},
      {R"({"vocab_size": "96"})", "'vocab_size' should be a whole number, got \"96\""},
      {R"({"vocab_size": 18446744073709551615})", "'vocab_size' should be a whole number"},
      {R"({"hidden_size": 1e3})", "'hidden_size' should be a whole number"},
      {R"({"num_hidden_layers": 0})", "between 1 and 10000, got 0"},
      {R"({"hidden_size": 4611686018427387904})", "hidden_size should lie between"},
      {R"({"num_attention_heads": 3})", "hidden_size should be a multiple"},
      {R"({"num_attention_heads": 0})", "hidden_size should be a multiple"},
      {R"({"num_key_value_heads": 3})", "a multiple of num_key_value_heads, got 4 and 3"},
      {R"({"head_dim": 12})", "head_dim should be a multiple of 8, got 12"},
      {R"({"rms_norm_eps": -1})", "rms_norm_eps should be above 0"},
      {R"({"rms_norm_eps": true})", "'rms_norm_eps' should be a number"},
      {R"({"tie_word_embeddings": 1})", "true or false, got 1"},
      {R"({"eos_token_id": 96})", "eos_token_id should lie in the vocabulary of 96, got 96"},
      {R"({"eos_token_id": [2, "x"]})", "a whole number"},
  };
  for (const Case& test : cases) {
    try {
      read(with(llama(), test.changes));
      ADD_FAILURE() << "accepted " << test.changes;
    } catch (const Error& error) {
      EXPECT_NE(error.parts().what.find(test.says), std::string::npos)
          << error.what() << " | " << test.says;
      EXPECT_EQ(error.parts().where.rfind("config.json", 0), 0u);
      EXPECT_FALSE(error.parts().try_.empty()) << error.what();
    }
  }
  EXPECT_THROW(from_config_json("[]", "x"), Error);
  EXPECT_THROW(from_config_json("{", "x"), Error);
}

TEST(ModelConfig, AWindowIsOfTheLayersThatTheFileNames) {
  using Windows = std::vector<int64_t>;
  Json json = llama();
  json["architectures"] = {"Qwen2ForCausalLM"};
  json["model_type"] = "qwen2";
  json =
      with(json, R"({"use_sliding_window": true, "sliding_window": 32, "max_window_layers": 2})");
  EXPECT_EQ(read(json).windows, Windows{}) << "no layer is behind max_window_layers";
  EXPECT_EQ(read(with(json, R"({"max_window_layers": 1})")).windows, (Windows{0, 32}));
  EXPECT_EQ(read(with(json, R"({"max_window_layers": 1, "sliding_window": 64})")).windows,
            Windows{})
      << "as wide as the longest sequence";
  json["layer_types"] = {"sliding_attention", "full_attention"};
  EXPECT_EQ(read(json).windows, (Windows{32, 0}));
  EXPECT_THROW(read(with(json, R"({"use_sliding_window": false})")), Error);
  EXPECT_THROW(read(with(json, R"({"sliding_window": 0})")), Error);
}

TEST(ModelConfig, MistralHasAWindowUnlessItIsNull) {
  Json json = llama();
  json["architectures"] = {"MistralForCausalLM"};
  json["model_type"] = "mistral";
  EXPECT_TRUE(read(json).windows.empty()) << "4096 is wider than its sequences";
  json["sliding_window"] = 16;
  const ModelConfig narrow = read(json);
  EXPECT_EQ(narrow.family, Family::Mistral);
  EXPECT_EQ(narrow.windows, (std::vector<int64_t>{16, 16}));
  json["sliding_window"] = nullptr;
  EXPECT_TRUE(read(json).windows.empty());
  json.erase("sliding_window");
  json["max_position_embeddings"] = 8192;
  EXPECT_EQ(read(json).windows, (std::vector<int64_t>{4096, 4096}));
}

TEST(ModelConfig, WhatIsWrittenReadsBackTheSame) {
  for (const std::string& name : file::names_in(SOURCE_DIR "/golden/tiny")) {
    ModelConfig c = from_folder(SOURCE_DIR "/golden/tiny/" + name);
    ModelConfig again = read(to_config_json(c, "float32"));
    EXPECT_EQ(to_config_json(c, "float32"), to_config_json(again, "float32")) << name;
    EXPECT_EQ(tensors_of(c).size(), tensors_of(again).size());
    EXPECT_EQ(c.rope_scaling.kind, again.rope_scaling.kind) << name;
    EXPECT_EQ(c.windows, again.windows) << name;
  }
}

TEST(ModelConfig, GenerationConfigAddsItsEnds) {
  ModelConfig c = from_folder(SOURCE_DIR "/golden/tiny/qwen3_untied");
  EXPECT_EQ(c.eos_ids, (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(c.bos_id, 1);
  EXPECT_EQ(to_generation_config_json(c)["eos_token_id"], Json::array({2, 5}));
  EXPECT_THROW(from_folder(SOURCE_DIR "/golden"), Error);
}

}  // namespace
}  // namespace temper::weights
