// The score head against transformers' (golden/reward.py), and on its own.
#include "temper/engine/model/score_head.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "temper/engine/model/model.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::model {
namespace {

using weights::HeadKind;

const std::string kGolden = SOURCE_DIR "/golden/";

Model load(const std::string& name, std::optional<HeadKind> head,
           Training training = Training::None, uint64_t seed = 0) {
  return Model::load(weights::Checkpoint::open(kGolden + name), {.dtype = kernel::Dtype::Float32,
                                                                 .training = training,
                                                                 .lora = {.rank = 2},
                                                                 .seed = seed,
                                                                 .head = head});
}

/// The scores of every token.
std::vector<float> scores(Model& model, const std::vector<int32_t>& tokens) {
  Batch batch{.tokens = tokens, .positions = {}, .sequences = {}, .copies = {}, .outputs = {}};
  for (int32_t i = 0; i < static_cast<int32_t>(tokens.size()); ++i) {
    batch.positions.push_back(i);
    batch.outputs.push_back(i);
  }
  batch.sequences.push_back({.rows = batch.rows(), .blocks = {0}});
  batch.blocks = 1;
  KvCache cache = model.cache(1);
  tensor::Floats hidden(batch.rows() * model.config().width);
  model.infer(batch, cache, hidden.data());
  std::vector<float> values(tokens.size() * static_cast<size_t>(model.score_head().labels()));
  score(model.score_head(), hidden.data(), batch.rows(), values.data());
  return values;
}

std::string refusal(const std::string& name, HeadKind head) {
  try {
    load(name, head);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ScoreHead, SequenceScoresAreTransformers) {
  const Json golden = text::parse_json(file::read_file(kGolden + "reward.json"), "reward.json");
  Model model = load("reward/sequence", HeadKind::Sequence);
  EXPECT_EQ(model.config().labels, 1);
  EXPECT_EQ(model.config().pad_id, 0);
  for (const Json& row : golden["scores"]) {
    const std::vector<int32_t> tokens = row["tokens"];
    const int64_t place = scored_token(tokens, model.config().pad_id);
    const double wanted = row["score"];
    // float32 over two layers
    EXPECT_NEAR(scores(model, tokens)[static_cast<size_t>(place)], wanted, 2e-5) << row.dump();
  }
}

TEST(ScoreHead, TheLastTokenThatIsNotPaddingIsScored) {
  const std::vector<int32_t> tokens = {5, 0, 7, 0, 0};
  EXPECT_EQ(scored_token(tokens, 0), 2);
  EXPECT_EQ(scored_token(tokens, 9), 4);
  EXPECT_EQ(scored_token(tokens, std::nullopt), 4);
  EXPECT_EQ(scored_token(std::vector<int32_t>{0, 0}, 0), 0);
}

TEST(ScoreHead, ALanguageModelGetsAFreshSeededHead) {
  Model one = load("tiny/llama", HeadKind::Sequence, Training::Full, 1);
  Model same = load("tiny/llama", HeadKind::Sequence, Training::Full, 1);
  Model other = load("tiny/llama", HeadKind::Sequence, Training::Full, 2);
  auto head = [](Model& model) {
    const std::span<float> values = model.store().master(*model.score_head().weight);
    return std::vector<float>(values.begin(), values.end());
  };
  EXPECT_EQ(head(one), head(same));
  EXPECT_NE(head(one), head(other));
  double square = 0;
  for (float value : head(one)) square += double{value} * double{value};
  EXPECT_NEAR(std::sqrt(square / 32), one.config().initializer_range,
              one.config().initializer_range / 2);
  EXPECT_EQ(one.config().architecture, "LlamaForSequenceClassification");
  EXPECT_EQ(one.store().find("lm_head.weight"), nullptr);

  Model steps = load("tiny/qwen3", HeadKind::Token);
  EXPECT_EQ(steps.config().architecture, "Qwen3ForTokenClassification");
  EXPECT_EQ(steps.score_head().labels(), 2);
  ASSERT_NE(steps.score_head().bias, nullptr);
  EXPECT_EQ(steps.score_head().bias->values.data()[1], 0);
}

TEST(ScoreHead, AnotherHeadThanTheOneWantedIsRefused) {
  EXPECT_NE(refusal("reward/sequence", HeadKind::Language).find("has a score head"),
            std::string::npos);
  EXPECT_NE(refusal("reward/sequence", HeadKind::Token).find("got LlamaForSequenceClassification"),
            std::string::npos);
  EXPECT_EQ(refusal("reward/token", HeadKind::Token), "no error");
  EXPECT_EQ(load("reward/token", std::nullopt).config().head, HeadKind::Token);
}

TEST(ScoreHead, SlopesAreFiniteDifferences) {
  Model model = load("reward/token", HeadKind::Token, Training::Full);
  const ScoreHead& head = model.score_head();
  const int64_t width = model.config().width, rows = 3;
  std::vector<float> hidden(static_cast<size_t>(rows * width));
  for (size_t i = 0; i < hidden.size(); ++i) hidden[i] = static_cast<float>(std::sin(double(i)));
  const std::vector<float> slope = {1, -0.5f, 0.25f, 2, -1, 0.75f};
  auto loss = [&](const std::vector<float>& h) {
    std::vector<float> values(slope.size());
    score(head, h.data(), rows, values.data());
    double total = 0;
    for (size_t i = 0; i < slope.size(); ++i) total += double{slope[i]} * double{values[i]};
    return total;
  };
  std::vector<float> d_hidden(hidden.size());
  score_backward(head, model.store(),
                 {.hidden = hidden.data(),
                  .rows = rows,
                  .d_values = slope.data(),
                  .d_hidden = d_hidden.data()});
  for (size_t i = 0; i < hidden.size(); i += 7) {
    std::vector<float> up = hidden, down = hidden;
    up[i] += 0.125f, down[i] -= 0.125f;  // linear: the step may be large
    EXPECT_NEAR((loss(up) - loss(down)) / 0.25, d_hidden[i], 1e-5);
  }
  const std::span<const float> d_bias = model.store().gradient(*head.bias);
  EXPECT_EQ(d_bias[0], 1 + 0.25f - 1);
  EXPECT_EQ(d_bias[1], -0.5f + 2 + 0.75f);
  double wanted = 0;
  for (int64_t row = 0; row < rows; ++row) {
    wanted += double{slope[static_cast<size_t>(row * 2)]} *
              double{hidden[static_cast<size_t>(row * width + 3)]};
  }
  EXPECT_NEAR(model.store().gradient(*head.weight)[3], wanted, 1e-6);
}

TEST(ScoreHead, AnAdapterKeepsTheWholeHead) {
  const std::string folder = testing::TempDir() + "temper_score_adapter";
  file::remove_folder(folder);
  Model model = load("tiny/llama", HeadKind::Token, Training::Lora, 4);
  for (float& value : model.store().masters()) value += 0.01f;
  model.refresh();
  write_adapter(folder, model, kGolden + "tiny/llama");
  const AdapterConfig config = read_adapter_config(folder);
  EXPECT_EQ(config.head, HeadKind::Token);
  Model again = load("tiny/llama", HeadKind::Token, Training::Lora, 9);
  read_adapter(folder, again);
  const std::vector<int32_t> tokens = {4, 8, 15, 16, 23};
  EXPECT_EQ(scores(model, tokens), scores(again, tokens));
  const Json json = text::parse_json(file::read_file(folder + "/adapter_config.json"), "config");
  EXPECT_EQ(json["task_type"], "TOKEN_CLS");
  file::remove_folder(folder);
}

}  // namespace
}  // namespace temper::model
