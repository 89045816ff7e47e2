#include "temper/learn/plan/plan.h"

#include <gtest/gtest.h>

#include "temper/engine/kernel/head.h"
#include "temper/engine/model/tiny_llama.h"
#include "temper/foundation/error/error.h"

namespace temper::plan {
namespace {

weights::ModelConfig tiny() {
  return model::tiny_llama(100, 32, 64, 128);
}

TEST(Plan, FlopsAreCountedByHand) {
  // a layer: q 32·32, k and v 16·32 each, o 32·32, gate, up and down 64·32 each
  const double layers = 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32), head = 100 * 32;
  const Work work{.read_rows = 10, .sampled_tokens = 5, .trained_rows = 7, .trained_tokens = 3};
  EXPECT_DOUBLE_EQ(flops(tiny(), work, {}), 2 * layers * (15 + 3 * 7) + 2 * head * (5 + 4 * 3));
}

TEST(Plan, TheModelCountsTheSame) {
  model::Model model = model::Model::fresh(
      tiny(), {.dtype = kernel::Dtype::Float32, .training = model::Training::Full, .lora = {}}, 1);
  model::Batch batch;
  batch.tokens = {1, 2, 3};
  batch.positions = {0, 1, 2};
  batch.outputs = {1};
  batch.blocks = 1;
  batch.sequences.push_back({.first_row = 0, .rows = 3, .first_position = 0, .blocks = {0}});
  model::Activations activations;
  std::vector<float> hidden(32, 0.1f);
  model.forward(batch, activations, hidden.data());
  model.backward(batch, activations, hidden.data());
  EXPECT_DOUBLE_EQ(model.flops(), flops(tiny(), {.trained_rows = 3}, {}));
}

TEST(Plan, RefusesWhatDoesNotFitAndNamesTheParts) {
  const Prediction prediction = predict(tiny(), {.lora = {}}, {.trained_rows = 1e6},
                                        {.flops_per_s = 1e9, .memory_bytes = 1000});
  EXPECT_GT(prediction.seconds, 0);
  try {
    refuse_if_too_large(prediction, {.flops_per_s = 1e9, .memory_bytes = 1000});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.parts().where.find("activations"), std::string::npos);
  }
  refuse_if_too_large(prediction, {.flops_per_s = 1e9, .memory_bytes = int64_t{1} << 40});
}

TEST(Plan, DecodingFewSequencesIsBoundByMemoryAndManyByProducts) {
  const Probe machine{
      .flops_per_s = 1e11, .decode_flops_per_s = 5e10, .bytes_per_s = 1e10, .memory_bytes = 1};
  const Shape shape{.training = model::Training::None, .lora = {}};
  const Work one{.sampled_tokens = 1000, .sequences = 1},
      many{.sampled_tokens = 64000, .sequences = 64};
  const Prediction few = predict(tiny(), shape, one, machine),
                   lots = predict(tiny(), shape, many, machine);
  EXPECT_EQ(few.limit, "decoding, bound by memory");
  EXPECT_EQ(lots.limit, "decoding, bound by products");
  const double numbers = 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32) + 100 * 32;
  EXPECT_DOUBLE_EQ(few.seconds, 1000 * numbers * 2 / 1e10);
  EXPECT_NE(line(few, machine).find("memory at 10 GB/s"), std::string::npos);
  EXPECT_NE(line(lots, machine, true).find("at most"), std::string::npos);
}

TEST(Plan, TheOptimizerTakesItsTime) {
  const Probe machine{.flops_per_s = 1e11, .bytes_per_s = 1e10, .memory_bytes = 1};
  const Prediction prediction = predict(tiny(), {.lora = {}}, {.steps = 10}, machine);
  EXPECT_EQ(prediction.limit, "optimizer");
  EXPECT_NEAR(prediction.seconds,
              10.0 * static_cast<double>(weights::parameters_of(tiny())) * 36 / 1e10, 1e-12);
}

TEST(Plan, AnAdapterNeedsLessThanTheWholeModel) {
  const Probe machine{.flops_per_s = 1e9, .memory_bytes = 1};
  const Prediction full = predict(tiny(), {.lora = {}}, {}, machine);
  const Prediction lora =
      predict(tiny(), {.training = model::Training::Lora, .lora = {.rank = 2}}, {}, machine);
  EXPECT_LT(lora.peak_bytes, full.peak_bytes);
}

TEST(Plan, TheProbeMeasures) {
  const Probe machine =
      probe(tiny(), {.dtype = kernel::Dtype::Float32, .sequences = 8, .seconds = 0.1});
  EXPECT_GT(machine.flops_per_s, 1e6);
  EXPECT_GT(machine.decode_flops_per_s, 1e6);
  EXPECT_GT(machine.bytes_per_s, 1e6);
  EXPECT_GT(machine.memory_bytes, 0);
}

}  // namespace
}  // namespace temper::plan
