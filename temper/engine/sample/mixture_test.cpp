// Samples from two models at once, against TRL's GeometricMixtureWrapper (golden/xpo.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/engine/model/tiny_llama.h"
#include "temper/engine/sample/sampler.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {
namespace {

const token::Tokenizer& tokenizer() {
  static const token::Tokenizer all = token::Tokenizer::from_json(
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"}})",
      "the test's tokenizer");
  return all;
}

model::Model recorded(const std::string& name) {
  return model::Model::load(weights::Checkpoint::open(SOURCE_DIR "/golden/" + name),
                            {.dtype = kernel::Dtype::Float32, .lora = {}});
}

chat::Request request(std::vector<int32_t> prompt, int64_t samples, int64_t tokens) {
  chat::Request asked;
  asked.prompt = std::move(prompt);
  asked.samples = samples;
  asked.options.max_tokens = tokens;
  asked.options.ignore_end = true;
  return asked;
}

TEST(Mixture, DrawsFromTheDistributionThatTrlHas) {
  const auto golden =
      nlohmann::json::parse(std::ifstream(SOURCE_DIR "/golden/xpo.json"))["mixture"];
  model::Model policy = recorded(golden["model"]), reference = recorded(golden["reference"]);
  for (const auto& wanted : golden["cases"]) {
    Sampler sampler(policy, tokenizer(), {});
    sampler.mix(reference, wanted["mixture_coef"]);
    const chat::Request asked = request(golden["prompt"], 64, 1);
    std::vector<int> drawn(wanted["logp"].size(), 0);
    const auto answers = sampler.speak({&asked, 1});
    for (const chat::Completion& said : answers[0]) {
      const auto token = static_cast<size_t>(said.tokens[0]);
      ++drawn[token];
      // the models compute in float32
      EXPECT_NEAR(said.logp[0], wanted["logp"][token].get<double>(), 2e-5);
    }
    EXPECT_GT(std::count_if(drawn.begin(), drawn.end(), [](int count) { return count > 0; }), 8);
  }
}

TEST(Mixture, OfAModelWithItselfIsTheModelAndKeepsItsCaches) {
  model::Model policy = recorded("tiny/llama"), same = recorded("tiny/llama"),
               other = recorded("tiny/llama_bias");
  std::vector<chat::Request> asked = {request({5, 17, 40}, 3, 40), request({5, 17, 40, 8}, 2, 40)};
  asked[1].prompt_id = 1;
  Sampler plain(policy, tokenizer(), {}), mixed(policy, tokenizer(), {}),
      apart(policy, tokenizer(), {}), again(policy, tokenizer(), {}, {.max_sequences = 2});
  mixed.mix(same, 0.5);
  apart.mix(other, 0.5);
  again.mix(other, 0.5);
  const auto wanted = plain.speak(asked), got = mixed.speak(asked), far = apart.speak(asked),
             few = again.speak(asked);
  for (size_t r = 0; r < asked.size(); ++r) {
    for (size_t s = 0; s < wanted[r].size(); ++s) {
      EXPECT_EQ(got[r][s].tokens, wanted[r][s].tokens);
      EXPECT_NE(far[r][s].tokens, wanted[r][s].tokens);
      EXPECT_EQ(far[r][s].tokens, few[r][s].tokens);  // whatever is written beside it
      EXPECT_EQ(far[r][s].logp, few[r][s].logp);
    }
  }
}

TEST(Mixture, TwoVocabulariesAreRefused) {
  model::Model policy = recorded("tiny/llama");
  model::Model other = model::Model::fresh(model::tiny_llama(320, 64, 96, 600),
                                           {.dtype = kernel::Dtype::Float32, .lora = {}}, 7);
  Sampler sampler(policy, tokenizer(), {});
  try {
    sampler.mix(other, 0.5);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("and 320 tokens"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace temper::sample
