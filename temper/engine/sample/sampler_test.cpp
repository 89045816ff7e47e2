#include "temper/engine/sample/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "temper/engine/kernel/head.h"
#include "temper/engine/model/tiny_llama.h"
#include "temper/engine/sample/draw.h"
#include "temper/engine/tensor/isa.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {
namespace {

/// Ids without a token decode to nothing, which is all that the sampler needs.
const token::Tokenizer& tokenizer() {
  static const token::Tokenizer all = token::Tokenizer::from_json(
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"}})",
      "the test's tokenizer");
  return all;
}

model::Model tiny(kernel::Dtype dtype, model::Training training = model::Training::None) {
  weights::ModelConfig config = model::tiny_llama(320, 64, 96, 600);
  config.initializer_range = 0.3;
  return model::Model::fresh(config, {.dtype = dtype, .training = training, .lora = {}}, 7);
}

std::vector<int32_t> prompt(size_t length, int32_t salt) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < length; ++i)
    ids.push_back(static_cast<int32_t>((i * 37 + static_cast<size_t>(salt) * 11) % 300));
  return ids;
}

std::vector<chat::Request> requests(int64_t max_tokens) {
  std::vector<chat::Request> all;
  for (uint32_t i = 0; i < 6; ++i) {
    chat::Request r;
    r.prompt = prompt(70, 3);  // a common beginning of more than one block
    const std::vector<int32_t> own = prompt(5 + 17 * i, static_cast<int32_t>(i));
    r.prompt.insert(r.prompt.end(), own.begin(), own.end());
    r.samples = 1 + i % 3;
    r.options.max_tokens = max_tokens;
    r.prompt_id = i;
    r.seed = 5;
    all.push_back(r);
  }
  return all;
}

using Said = std::vector<std::vector<chat::Completion>>;

void expect_same_bits(const Said& a, const Said& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t s = 0; s < a[i].size(); ++s) {
      ASSERT_EQ(a[i][s].tokens, b[i][s].tokens) << i << "/" << s;
      ASSERT_EQ(std::memcmp(a[i][s].logp.data(), b[i][s].logp.data(),
                            a[i][s].logp.size() * sizeof(float)),
                0);
    }
  }
}

TEST(Sampler, WhatIsSaidDoesNotDependOnBatchChunkOrThreads) {
  for (kernel::Dtype dtype : {kernel::Dtype::Float32, kernel::Dtype::BFloat16}) {
    model::Model model = tiny(dtype);
    const std::vector<chat::Request> asked = requests(40);
    const Said wanted = Sampler(model, tokenizer(), {}).speak(asked);
    for (const SamplerOptions& options :
         {SamplerOptions{.max_sequences = 1}, SamplerOptions{.max_sequences = 5, .prefill_rows = 7},
          SamplerOptions{.cache_bytes = 20 * model.cache_block_bytes()}}) {
      expect_same_bits(Sampler(model, tokenizer(), {}, options).speak(asked), wanted);
    }
    tensor::use_threads(1);
    expect_same_bits(Sampler(model, tokenizer(), {}).speak(asked), wanted);
    tensor::use_threads(2);
    std::vector<chat::Request> reversed(asked.rbegin(), asked.rend());
    Said backwards = Sampler(model, tokenizer(), {}).speak(reversed);
    std::reverse(backwards.begin(), backwards.end());
    expect_same_bits(backwards, wanted);
    for (size_t i = 0; i < asked.size(); ++i) {  // alone, without a shared beginning
      expect_same_bits(Sampler(model, tokenizer(), {}).speak({&asked[i], 1}), {wanted[i]});
    }
  }
}

/// What was said goes on: the prompt, the answer, and a word of the user.
chat::Request next_turn(const chat::Request& asked, const chat::Completion& said, int32_t salt) {
  chat::Request next = asked;
  next.samples = 2;
  next.prompt.insert(next.prompt.end(), said.tokens.begin(), said.tokens.end());
  const std::vector<int32_t> word = prompt(9, salt);
  next.prompt.insert(next.prompt.end(), word.begin(), word.end());
  return next;
}

TEST(Sampler, AConversationRunsWhatIsNewAndSaysTheSame) {
  for (kernel::Dtype dtype : {kernel::Dtype::Float32, kernel::Dtype::BFloat16}) {
    model::Model model = tiny(dtype);
    for (const SamplerOptions& options :
         {SamplerOptions{}, SamplerOptions{.max_sequences = 1, .prefill_rows = 50},
          SamplerOptions{.cache_bytes = 9 * model.cache_block_bytes()}}) {
      Sampler sampler(model, tokenizer(), {}, options);
      chat::Request turn = requests(70)[1];
      for (int32_t i = 0; i < 3; ++i) {
        const SampleCount before = sampler.count();
        const Said said = sampler.speak({&turn, 1});
        expect_same_bits(said, Sampler(model, tokenizer(), {}).speak({&turn, 1}));
        const SampleCount& after = sampler.count();
        const int64_t run = after.prompt_tokens - before.prompt_tokens,
                      reused = after.reused_tokens - before.reused_tokens;
        EXPECT_EQ((run + reused) % std::ssize(turn.prompt), 0);
        if (i > 0 && options.cache_bytes > 9 * model.cache_block_bytes()) {
          EXPECT_LT(run, 2 * kernel::kKvBlock);  // the answer's blocks are known too
        }
        turn = next_turn(turn, said[0][0], i);
      }
    }
  }
}

TEST(Sampler, OtherWeightsReuseNothing) {
  model::Model model = tiny(kernel::Dtype::BFloat16, model::Training::Full);
  const std::vector<chat::Request> asked = requests(20);
  Sampler sampler(model, tokenizer(), {});
  const Said before = sampler.speak(asked);
  expect_same_bits(sampler.speak(asked), before);
  for (float& each : model.store().masters()) each *= 1.5f;
  model.refresh();
  const Said after = sampler.speak(asked);
  expect_same_bits(after, Sampler(model, tokenizer(), {}).speak(asked));
  EXPECT_NE(after[0][0].logp, before[0][0].logp);
}

TEST(Sampler, LogProbsAreTheScorersBits) {
  for (kernel::Dtype dtype : {kernel::Dtype::Float32, kernel::Dtype::BFloat16}) {
    model::Model model = tiny(dtype);
    const std::vector<chat::Request> asked = requests(30);
    Sampler sampler(model, tokenizer(), {});
    const Said said = sampler.speak(asked);
    for (size_t i = 0; i < asked.size(); ++i) {
      for (const chat::Completion& completion : said[i]) {
        std::vector<int32_t> whole = asked[i].prompt;
        whole.insert(whole.end(), completion.tokens.begin(), completion.tokens.end());
        const std::vector<float> scored = sampler.score({&whole, 1})[0];
        ASSERT_EQ(std::memcmp(scored.data() + asked[i].prompt.size() - 1, completion.logp.data(),
                              completion.logp.size() * sizeof(float)),
                  0);
      }
    }
  }
}

/// A fresh base with an adapter that says something.
model::Model adapted(kernel::Dtype dtype, const model::LoraOptions& lora,
                     const kernel::QuantiseOptions& quantise) {
  weights::ModelConfig config = model::tiny_llama(320, 64, 96, 600);
  config.initializer_range = 0.3;
  model::Model model = model::Model::fresh(
      config,
      {.dtype = dtype, .training = model::Training::Lora, .lora = lora, .quantise = quantise}, 7);
  float value = 0;
  for (float& each : model.store().masters()) each += std::sin(value += 0.7f) * 0.1f;
  model.refresh();
  return model;
}

/// The log-probs of ids[1…] as the trainer's forward pass has them, beside a longer neighbour.
std::vector<float> trained_logp(model::Model& model, const std::vector<int32_t>& ids) {
  std::vector<int32_t> both = prompt(150, 8);
  const auto neighbour = static_cast<int64_t>(both.size());
  both.insert(both.end(), ids.begin(), ids.end() - 1);
  model::Batch batch;
  batch.tokens = both;
  for (const auto& [first, rows] :
       {std::pair{int64_t{0}, neighbour},
        std::pair{neighbour, static_cast<int64_t>(both.size()) - neighbour}}) {
    model::SequenceRows run{.first_row = first, .rows = rows, .unit = first > 0};
    for (int64_t i = 0; i < rows; ++i) {
      if (i % kernel::kKvBlock == 0) run.blocks.push_back(static_cast<int32_t>(batch.blocks++));
      batch.positions.push_back(static_cast<int32_t>(i));
      if (first > 0) batch.outputs.push_back(static_cast<int32_t>(first + i));
    }
    batch.sequences.push_back(run);
  }
  const auto rows = static_cast<int64_t>(batch.outputs.size());
  model::Activations activations;
  tensor::Floats hidden(rows * model.config().width);
  std::vector<float> logp(static_cast<size_t>(rows));
  model.forward(batch, activations, hidden.data());
  kernel::head({.hidden = hidden.data(),
                .rows = rows,
                .weight = model.head().forward,
                .targets = ids.data() + 1},
               {.logp = logp.data()});
  return logp;
}

TEST(Sampler, EveryKindOfAdapterSaysTheSameAloneInABatchAndInTraining) {
  using Quantise = kernel::QuantiseOptions;
  const model::LoraOptions lora{.rank = 3}, dora{.rank = 2, .decomposed = true};
  const model::LoraOptions some{
      .rank = 5, .rank_stabilised = true, .targets = {"q_proj", "up_proj"}};
  const model::LoraOptions whole{.rank = 2, .saved = {"embed_tokens", "norm", "k_proj"}};
  const Quantise int8{.kind = Quantise::Kind::Int8}, nf4{.kind = Quantise::Kind::Nf4};
  const Quantise nested{.kind = Quantise::Kind::Nf4, .nested = true};
  struct Kind {
    const char* name;
    model::LoraOptions lora;
    Quantise quantise;
  };
  const Kind kinds[] = {
      {"LoRA", lora, {}},           {"rsLoRA on some", some, {}},
      {"DoRA", dora, {}},           {"whole modules", whole, {}},
      {"LoRA on int8", lora, int8}, {"LoRA on NF4", lora, nf4},
      {"DoRA on NF4", dora, nf4},   {"whole modules on nested NF4", whole, nested}};
  for (kernel::Dtype dtype : {kernel::Dtype::Float32, kernel::Dtype::BFloat16}) {
    for (const auto& [name, lora_options, quantise] : kinds) {
      SCOPED_TRACE(name);
      model::Model model = adapted(dtype, lora_options, quantise);
      const std::vector<chat::Request> asked = requests(10);
      Sampler sampler(model, tokenizer(), {});
      const Said wanted = sampler.speak(asked);
      expect_same_bits(
          Sampler(model, tokenizer(), {}, {.max_sequences = 3, .prefill_rows = 7}).speak(asked),
          wanted);
      for (int threads : {1, 2}) {
        tensor::use_threads(threads);
        expect_same_bits(Sampler(model, tokenizer(), {}).speak({&asked[2], 1}), {wanted[2]});
        std::vector<int32_t> whole = asked[2].prompt;
        const chat::Completion& said = wanted[2][0];
        whole.insert(whole.end(), said.tokens.begin(), said.tokens.end());
        const size_t first = asked[2].prompt.size() - 1, bytes = said.logp.size() * sizeof(float);
        EXPECT_EQ(
            std::memcmp(sampler.score({&whole, 1})[0].data() + first, said.logp.data(), bytes), 0);
        EXPECT_EQ(std::memcmp(trained_logp(model, whole).data() + first, said.logp.data(), bytes),
                  0);
      }
    }
  }
}

TEST(Sampler, EveryInstructionSetOfItsClassSaysTheSame) {
  const tensor::Isa before = tensor::isa();
  std::map<std::string_view, Said> said;
  for (tensor::Isa isa : {tensor::Isa::Scalar, tensor::Isa::Avx2, tensor::Isa::Avx512,
                          tensor::Isa::Avx512Bf16, tensor::Isa::Amx}) {
    if (!tensor::supported(isa)) continue;
    tensor::use_isa(isa);
    model::Model model = tiny(kernel::Dtype::BFloat16);
    const std::vector<chat::Request> all = requests(6);
    const Said now = Sampler(model, tokenizer(), {}).speak(std::span(all).first(2));
    const auto [first, fresh] = said.emplace(tensor::bit_class(isa), now);
    if (!fresh) expect_same_bits(now, first->second);
  }
  tensor::use_isa(before);
}

TEST(Sampler, StopsAtEndTokensStopTextAndLength) {
  model::Model model = tiny(kernel::Dtype::Float32);
  chat::Request r;
  r.prompt = prompt(10, 1);
  r.options.max_tokens = 50;
  const chat::Completion free = Sampler(model, tokenizer(), {}).speak({&r, 1})[0][0];
  EXPECT_EQ(free.tokens.size(), 50u);
  EXPECT_EQ(free.finish, chat::Finish::Length);
  const int32_t end = free.tokens[20];
  const chat::Completion ended = Sampler(model, tokenizer(), {end}).speak({&r, 1})[0][0];
  EXPECT_EQ(ended.finish, chat::Finish::Stop);
  EXPECT_EQ(ended.tokens.back(), end);
  EXPECT_LE(ended.tokens.size(), 21u);
  r.options.ignore_end = true;
  EXPECT_EQ(Sampler(model, tokenizer(), {end}).speak({&r, 1})[0][0].tokens.size(), 50u);
}

TEST(Sampler, RefusesWhatItCannotAnswer) {
  model::Model model = tiny(kernel::Dtype::Float32);
  Sampler sampler(model, tokenizer(), {});
  chat::Request r;
  EXPECT_THROW(sampler.speak({&r, 1}), Error);  // empty
  r.prompt = prompt(600, 1);
  EXPECT_THROW(sampler.speak({&r, 1}), Error);  // longer than the context
  r.prompt = {1, 2, 5000};
  EXPECT_THROW(sampler.speak({&r, 1}), Error);  // outside the vocabulary
  r.prompt = {1};
  r.options.temperature = -1;
  EXPECT_THROW(sampler.speak({&r, 1}), Error);
}

TEST(Sampler, RefusesToScoreWhatTheModelDoesNotKnow) {
  model::Model model = tiny(kernel::Dtype::Float32);
  Sampler sampler(model, tokenizer(), {});
  const std::vector<int32_t> good = {1, 2, 319};
  EXPECT_EQ(sampler.score({&good, 1})[0].size(), 2u);
  for (const std::vector<int32_t>& wrong :
       {std::vector<int32_t>{1, 320, 2}, {1, 2, 320}, {-1, 2}, {320}, prompt(601, 1)}) {
    const std::vector<int32_t> both[] = {good, wrong};
    try {
      sampler.score(both);
      FAIL() << "scored " << wrong.size() << " ids";
    } catch (const Error& error) {
      EXPECT_EQ(error.parts().where, "sequence 1") << error.what();
    }
  }
}

std::vector<float> logits() {
  return {1.0f, 3.0f, 2.0f, 3.0f, -1.0f, 0.5f};
}

std::map<int32_t, int> counts(const chat::SamplingOptions& options, int draws = 4000) {
  const std::vector<float> row = logits();
  std::map<int32_t, int> seen;
  std::vector<float> scratch;
  for (int i = 0; i < draws; ++i)
    ++seen[draw(row.data(), 6, options, (i + 0.5) / draws, scratch).token];
  return seen;
}

TEST(Draw, FollowsTheDistribution) {
  const std::vector<float> row = logits();
  double total = 0;
  for (float z : row) total += std::exp(z);
  for (const auto& [token, count] : counts({})) {
    EXPECT_NEAR(count / 4000.0, std::exp(row[static_cast<size_t>(token)]) / total, 0.001);
  }
}

TEST(Draw, CutsAsTransformersDoes) {
  chat::SamplingOptions options;
  options.top_k = 2;
  EXPECT_EQ(counts(options).size(), 2u);  // the two threes
  options.top_k = 1;
  EXPECT_EQ(counts(options).size(), 2u);  // a tie at the k-th stays
  options.top_k = 0;
  options.top_p = 0.5;
  EXPECT_EQ(counts(options).size(), 2u);
  options.top_p = 1;
  options.min_p = 0.3;  // e^-1 of the largest is kept, e^-2 is not
  EXPECT_EQ(counts(options).size(), 3u);
  options = {};
  options.temperature = 0;
  EXPECT_EQ(counts(options).size(), 1u);
}

TEST(Draw, ReportsTheCutDistributionsLogProb) {
  const std::vector<float> row = logits();
  std::vector<float> scratch;
  chat::SamplingOptions options;
  options.top_k = 2;
  EXPECT_NEAR(draw(row.data(), 6, options, 0.2, scratch).logp, std::log(0.5), 1e-6);
}

}  // namespace
}  // namespace temper::sample
