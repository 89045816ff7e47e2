#include "temper/engine/weights/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <tuple>

#include "temper/engine/weights/dequantise.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"

namespace temper::weights {

namespace {

const std::string kTiny = SOURCE_DIR "/golden/tiny/";

class Checkpoints : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "temper_checkpoint_" + std::to_string(::getpid());
    file::remove_folder(folder_);
  }
  void TearDown() override { file::remove_folder(folder_); }

  /// A copy of a tiny model that a test may damage.
  void copy(const std::string& name) {
    file::remove_folder(folder_);
    std::filesystem::copy(kTiny + name, folder_);
  }
  std::string refusal() {
    try {
      Checkpoint checkpoint = Checkpoint::open(folder_);
      checkpoint.check();
    } catch (const Error& error) {
      EXPECT_FALSE(error.parts().where.empty()) << error.what();
      EXPECT_FALSE(error.parts().try_.empty()) << error.what();
      return error.parts().what;
    }
    return "no error";
  }
  std::string folder_;
};

TEST_F(Checkpoints, EveryTinyModelIsWhole) {
  for (const std::string& name : file::names_in(kTiny)) {
    Checkpoint checkpoint = Checkpoint::open(kTiny + name);
    EXPECT_NO_THROW(checkpoint.check()) << name;
    // transformers recorded a gradient for each parameter: the same names and shapes.
    file::Safetensors vectors = file::Safetensors::open(kTiny + name + "/vectors.safetensors");
    size_t gradients = 0;
    for (const auto& tensor : vectors.tensors()) gradients += tensor.name.rfind("grad.", 0) == 0;
    const auto tensors = tensors_of(checkpoint.config());
    EXPECT_EQ(tensors.size(), gradients) << name;
    for (const NamedShape& tensor : tensors) {
      ASSERT_NE(vectors.find("grad." + tensor.name), nullptr) << name << " " << tensor.name;
      EXPECT_EQ(vectors.find("grad." + tensor.name)->shape, tensor.shape);
      EXPECT_EQ(checkpoint.shape(tensor.name), tensor.shape);
    }
  }
}

/// Folders of transformers' …ForSequenceClassification and …ForTokenClassification.
TEST_F(Checkpoints, ScoreHeadsAreReadAndWritten) {
  for (const auto& [name, head, labels] :
       {std::tuple{"sequence", HeadKind::Sequence, 1}, {"token", HeadKind::Token, 2}}) {
    const Checkpoint from = Checkpoint::open(SOURCE_DIR "/golden/reward/" + std::string(name));
    from.check();
    std::vector<float> held;
    write_folder(folder_, from.config(),
                 [&](const NamedShape& tensor) {
                   return std::span<const float>(held = from.read(tensor.name));
                 },
                 {.format = Format::F32});
    const Checkpoint back = Checkpoint::open(folder_);
    back.check();
    for (const Checkpoint& each : {from, back}) {
      EXPECT_EQ(each.config().head, head);
      EXPECT_EQ(each.config().labels, labels);
      EXPECT_EQ(each.config().pad_id, 0);
      EXPECT_EQ(each.shape("score.weight"), (std::vector<int64_t>{labels, 32}));
      EXPECT_EQ(each.has("score.bias"), head == HeadKind::Token);
      EXPECT_FALSE(each.has("lm_head.weight"));
    }
    EXPECT_EQ(back.config().architecture, from.config().architecture);
    EXPECT_EQ(back.read("score.weight"), from.read("score.weight"));
  }
}

TEST_F(Checkpoints, WhatIsWrittenReadsBackWholeAndSharded) {
  Checkpoint from = Checkpoint::open(kTiny + "qwen2");
  std::vector<float> held;
  TensorSource source = [&](const NamedShape& tensor) {
    return std::span<const float>(held = from.read(tensor.name));
  };
  for (int64_t shard_bytes : {20'000, 1'000'000'000}) {
    write_folder(folder_, from.config(), source,
                 {.format = Format::F32, .shard_bytes = shard_bytes});
    EXPECT_EQ(file::exists(folder_ + "/model.safetensors"), shard_bytes > 20'000);
    EXPECT_EQ(file::exists(folder_ + "/model.safetensors.index.json"), shard_bytes == 20'000);
    Checkpoint back = Checkpoint::open(folder_);
    back.check();
    for (const std::string& name : from.names())
      EXPECT_EQ(back.read(name), from.read(name)) << name;
  }
  EXPECT_EQ(file::names_in(folder_).size(), 3u) << "the shards written before are gone";
}

TEST_F(Checkpoints, BfloatIsRoundedToNearest) {
  Checkpoint from = Checkpoint::open(kTiny + "llama_tied");
  std::vector<float> held;
  write_folder(folder_, from.config(), [&](const NamedShape& tensor) {
    return std::span<const float>(held = from.read(tensor.name));
  });
  Checkpoint back = Checkpoint::open(folder_);
  back.check();
  const auto wanted = from.read("model.layers.0.mlp.up_proj.weight"),
             got = back.read("model.layers.0.mlp.up_proj.weight");
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(got[i], from_bf16(to_bf16(wanted[i])));
  EXPECT_FALSE(back.has("lm_head.weight"));
}

TEST_F(Checkpoints, DamagedFoldersAreRefusedWithTheReason) {
  copy("qwen2");
  std::filesystem::remove(folder_ + "/model-00002-of-00003.safetensors");
  EXPECT_NE(refusal().find("the shard 'model-00002-of-00003.safetensors' is missing"),
            std::string::npos)
      << refusal();

  copy("llama");
  std::filesystem::resize_file(folder_ + "/model.safetensors", 50'000);
  EXPECT_NE(refusal().find("too short"), std::string::npos) << refusal();

  copy("llama");
  std::filesystem::remove(folder_ + "/config.json");
  EXPECT_NE(refusal().find("no config.json"), std::string::npos) << refusal();

  copy("llama");
  std::filesystem::remove(folder_ + "/model.safetensors");
  EXPECT_NE(refusal().find("neither model.safetensors nor"), std::string::npos) << refusal();

  copy("llama");
  std::filesystem::copy_file(kTiny + "llama_tied/config.json", folder_ + "/config.json",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(refusal().find("k_proj.weight (wanted [32, 32], got [16, 32])"), std::string::npos)
      << refusal();

  copy("llama_tied");
  std::filesystem::copy_file(kTiny + "qwen2_tied/config.json", folder_ + "/config.json",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(refusal().find("missing: model.layers.0.self_attn.q_proj.bias"), std::string::npos)
      << refusal();

  copy("qwen3");
  std::filesystem::copy_file(kTiny + "llama/config.json", folder_ + "/config.json",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(refusal().find("unexpected: model.layers.0.self_attn.k_norm.weight"), std::string::npos)
      << refusal();
}

TEST_F(Checkpoints, AWrongTypeIsNamed) {
  copy("llama_tied");
  Checkpoint from = Checkpoint::open(kTiny + "llama_tied");
  std::vector<file::SafetensorsWriter::Entry> entries;
  for (const NamedShape& tensor : tensors_of(from.config()))
    entries.push_back({tensor.name, Format::I32, tensor.shape});
  file::SafetensorsWriter writer(folder_ + "/model.safetensors", entries);
  for (const auto& entry : entries) {
    std::vector<float> values = from.read(entry.name);
    writer.write(entry.name, std::as_bytes(std::span(values)));
  }
  writer.close();
  EXPECT_NE(refusal().find("model.embed_tokens.weight (wanted floating-point"), std::string::npos)
      << refusal();
  EXPECT_NE(refusal().find("got I32"), std::string::npos) << refusal();
  EXPECT_THROW(Checkpoint::open(folder_).read("model.norm.weight"), Error);
  EXPECT_THROW(Checkpoint::open(folder_).read("none"), Error);
}

TEST_F(Checkpoints, WhatIsNoModelIsRefused) {
  EXPECT_NE(refusal().find("no such file or folder"), std::string::npos);
  for (std::string path :
       {kTiny + "llama/model.safetensors", kTiny + "llama/config.json",
        std::string(SOURCE_DIR "/CMakeLists.txt"), std::string(SOURCE_DIR "/golden")}) {
    EXPECT_THROW(Checkpoint::open(path), Error) << path;
  }
}

class Gguf : public Checkpoints {
 protected:
  /// A GGUF of the tiny model, in F32, as llama.cpp's converter lays it out.
  void write_gguf(const Checkpoint& from, const std::string& architecture,
                  const std::map<std::string, uint32_t>& more = {}) {
    file::make_folder(folder_);
    const ModelConfig& c = from.config();
    std::map<std::string, uint32_t> numbers = {{"block_count", c.layers},
                                               {"context_length", c.max_positions},
                                               {"embedding_length", c.width},
                                               {"feed_forward_length", c.ffn},
                                               {"attention.head_count", c.heads},
                                               {"attention.head_count_kv", c.kv_heads},
                                               {"attention.key_length", c.head_dim},
                                               {"attention.value_length", c.head_dim}};
    for (auto [key, value] : more) numbers[key] = value;
    std::string header = "GGUF", infos, data;
    auto add = [](std::string& to, auto number) {
      to.append(reinterpret_cast<const char*>(&number), sizeof number);
    };
    auto text = [&](std::string& to, const std::string& s) {
      add(to, uint64_t{s.size()});
      to += s;
    };
    add(header, uint32_t{3});
    add(header, uint64_t{from.names().size()});
    add(header, uint64_t{numbers.size() + 4});
    text(header, "general.architecture");
    add(header, uint32_t{8});
    text(header, architecture);
    text(header, architecture + ".attention.layer_norm_rms_epsilon");
    add(header, uint32_t{6});
    add(header, static_cast<float>(c.norm_eps));
    text(header, architecture + ".rope.freq_base");
    add(header, uint32_t{6});
    add(header, static_cast<float>(c.rope_theta));
    text(header, "tokenizer.ggml.eos_token_id");
    add(header, uint32_t{4});
    add(header, uint32_t{2});
    for (auto [key, value] : numbers) {
      text(header, architecture + "." + key);
      add(header, uint32_t{4});
      add(header, value);
    }
    for (const std::string& name : from.names()) {
      std::vector<float> values = from.read(name);
      std::vector<int64_t> shape = from.shape(name);
      const bool q = name.find(".q_proj.") != std::string::npos,
                 k = name.find(".k_proj.") != std::string::npos;
      if (c.family == Family::Llama && (q || k))
        values = interleaved(values, q ? c.heads : c.kv_heads);
      text(infos, gguf_name(name));
      add(infos, static_cast<uint32_t>(shape.size()));
      for (size_t d = shape.size(); d-- > 0;) add(infos, static_cast<uint64_t>(shape[d]));
      add(infos, uint32_t{0});
      add(infos, uint64_t{data.size()});
      data.append(reinterpret_cast<const char*>(values.data()), values.size() * 4);
      data.resize((data.size() + 31) / 32 * 32);
    }
    header += infos;
    header.resize((header.size() + 31) / 32 * 32);
    file::write_atomically(folder_ + "/m.gguf", header + data);
  }
  /// The converter's w.reshape(heads, 2, half, …).swapaxes(1, 2).
  static std::vector<float> interleaved(const std::vector<float>& values, int64_t heads) {
    std::vector<float> out;
    const size_t head = values.size() / static_cast<size_t>(heads);
    const size_t half = 4, row = head / (2 * half);  // of the tiny models with heads of 8
    for (size_t h = 0; h < values.size(); h += head) {
      for (size_t i = 0; i < half; ++i) {
        for (size_t j = 0; j < 2; ++j) {
          auto at = values.begin() + static_cast<ptrdiff_t>(h + (j * half + i) * row);
          out.insert(out.end(), at, at + static_cast<ptrdiff_t>(row));
        }
      }
    }
    return out;
  }
  static std::string gguf_name(std::string name) {
    for (auto [hf, gguf] :
         {std::pair("model.embed_tokens", "token_embd"), std::pair("model.norm", "output_norm"),
          std::pair("lm_head", "output"), std::pair("model.layers", "blk"),
          std::pair("self_attn.o_proj", "attn_output"), std::pair("self_attn.q_proj", "attn_q"),
          std::pair("self_attn.k_proj", "attn_k"), std::pair("self_attn.v_proj", "attn_v"),
          std::pair("self_attn.q_norm", "attn_q_norm"),
          std::pair("self_attn.k_norm", "attn_k_norm"), std::pair("input_layernorm", "attn_norm"),
          std::pair("post_attention_layernorm", "ffn_norm"), std::pair("mlp.gate_proj", "ffn_gate"),
          std::pair("mlp.up_proj", "ffn_up"), std::pair("mlp.down_proj", "ffn_down")}) {
      if (size_t at = name.find(hf); at != std::string::npos)
        name.replace(at, std::strlen(hf), gguf);
    }
    return name;
  }
};

TEST_F(Gguf, TheSameModelReadsTheSameFromEitherFile) {
  for (std::string name : {"llama", "llama_tied", "qwen2", "qwen3_untied"}) {
    Checkpoint from = Checkpoint::open(kTiny + name);
    write_gguf(from, from.config().model_type);
    Checkpoint gguf = Checkpoint::open(folder_ + "/m.gguf");
    gguf.check();
    EXPECT_EQ(gguf.names(), from.names());
    for (const std::string& tensor : from.names())
      EXPECT_EQ(gguf.read(tensor), from.read(tensor)) << tensor;
    EXPECT_EQ(gguf.config().norm_eps, from.config().norm_eps) << "a decimal, not its float32";
    EXPECT_EQ(gguf.config().rope_theta, from.config().rope_theta);
    EXPECT_EQ(gguf.config().tied_head, from.config().tied_head);
    EXPECT_EQ(gguf.config().attention_bias, from.config().attention_bias);
    EXPECT_EQ(gguf.config().vocabulary, from.config().vocabulary);
    EXPECT_EQ(gguf.config().eos_ids, std::vector<int32_t>{2});
  }
}

TEST_F(Gguf, WhatItCannotComputeIsRefusedByName) {
  Checkpoint from = Checkpoint::open(kTiny + "llama");
  auto refused = [&](const std::string& architecture, const std::map<std::string, uint32_t>& more) {
    write_gguf(from, architecture, more);
    try {
      Checkpoint::open(folder_ + "/m.gguf").check();
    } catch (const Error& error) {
      return error.parts().what;
    }
    return std::string("no error");
  };
  EXPECT_NE(refused("gemma", {}).find("the architecture 'gemma' is not supported"),
            std::string::npos);
  EXPECT_NE(refused("llama", {{"logit_scale", 2}}).find("'llama.logit_scale' is not known"),
            std::string::npos);
  EXPECT_NE(refused("llama", {{"expert_count", 8}}).find("experts"), std::string::npos);
  EXPECT_NE(refused("llama", {{"attention.sliding_window", 8}}).find("sliding-window"),
            std::string::npos);
  EXPECT_NE(
      refused("llama", {{"rope.dimension_count", 4}}).find("should be the head's size 8, got 4"),
      std::string::npos);
  EXPECT_NE(refused("llama", {{"attention.head_count", 0}}).find("at least 1"), std::string::npos);
  EXPECT_NE(refused("llama", {{"embedding_length", 40}}).find("wanted [96, 40], got [96, 32]"),
            std::string::npos);
  EXPECT_NE(refused("qwen2", {}).find("biases are not where Qwen2ForCausalLM has them"),
            std::string::npos);
  EXPECT_NE(refused("qwen3", {}).find("missing: model.layers.0.self_attn.q_norm.weight"),
            std::string::npos);
}

TEST_F(Gguf, OpensTheDemoModel) {
  const std::string path = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!file::exists(path)) GTEST_SKIP() << "SmolLM2-135M is not there: dev/setup fetches it";
  Checkpoint model = Checkpoint::open(path);
  model.check();
  EXPECT_EQ(parameters_of(model.config()), 134'515'008);
  EXPECT_EQ(model.config().norm_eps, 1e-5);
  EXPECT_EQ(model.config().bos_id, 1);
  EXPECT_TRUE(model.config().tied_head);
  double squares = 0;
  for (float value : model.read("model.layers.29.self_attn.q_proj.weight"))
    squares += static_cast<double>(value) * value;
  EXPECT_TRUE(std::isfinite(squares) && squares > 1);
}

}  // namespace
}  // namespace temper::weights
