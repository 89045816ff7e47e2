#include "temper/learn/train/neftune.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/engine/model/embedding_noise.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

constexpr int64_t kWidth = 48;

chat::TokenRow row_of(int64_t tokens) {
  chat::TokenRow row;
  row.ids.assign(static_cast<size_t>(tokens), 1);
  row.trained.assign(row.ids.size(), 1);
  row.trained[0] = 0;
  return row;
}

/// [row] the noise of rows of these lengths, out of micro-batches of at most `budget` tokens.
std::vector<std::vector<float>> noise_of(const std::vector<int64_t>& lengths, int64_t budget,
                                         uint32_t step) {
  std::vector<chat::TokenRow> rows;
  for (int64_t length : lengths) rows.push_back(row_of(length));
  std::vector<const chat::TokenRow*> chosen;
  for (const chat::TokenRow& row : rows) chosen.push_back(&row);
  std::vector<batch::Packed> batches =
      packed(chosen, {.budget = budget, .shares_beginning = false});
  ask_noise(batches, chosen, {.alpha = 5, .seed = 7, .step = step, .width = kWidth});
  std::vector<std::vector<float>> noise(rows.size());
  for (const batch::Packed& packed : batches) {
    std::vector<float> x(static_cast<size_t>(packed.rows.rows() * kWidth));
    model::add_noise(packed.rows, kWidth, x.data());
    size_t sequence = 0;
    for (int64_t id : packed.answers) {
      if (lengths[static_cast<size_t>(id)] < 2) continue;
      const model::SequenceRows& rows_of_it = packed.rows.sequences[sequence++];
      const auto begin = x.begin() + rows_of_it.first_row * kWidth;
      noise[static_cast<size_t>(id)].assign(begin, begin + rows_of_it.rows * kWidth);
    }
  }
  return noise;
}

TEST(Neftune, NoiseLiesEvenlyWithinAlphaOverTheRootOfLengthTimesWidth) {
  const std::vector<int64_t> lengths = {400, 40, 90};
  const std::vector<std::vector<float>> noise = noise_of(lengths, 1000, 3);
  for (size_t i = 0; i < lengths.size(); ++i) {
    const double bound = 5 / std::sqrt(static_cast<double>(lengths[i] * kWidth));
    const auto count = static_cast<double>(noise[i].size());
    ASSERT_EQ(noise[i].size(), static_cast<size_t>((lengths[i] - 1) * kWidth));
    double largest = 0, sum = 0, squares = 0;
    for (float e : noise[i]) {
      largest = std::max(largest, std::abs(double{e}));
      sum += e / bound;
      squares += e * e / bound / bound;
    }
    EXPECT_LE(largest, bound * (1 + 1e-6));  // float32
    EXPECT_GT(largest, 0.99 * bound);
    // five deviations of the mean, and of the mean square, of uniform numbers in (-1, 1)
    EXPECT_NEAR(sum / count, 0, 5 * std::sqrt(1 / 3.0 / count));
    EXPECT_NEAR(squares / count, 1 / 3.0, 5 * std::sqrt(4 / 45.0 / count));
  }
}

TEST(Neftune, ARowsNoiseHasTheSameBitsInAnyMicroBatch) {
  const std::vector<int64_t> lengths = {30, 1, 7, 90, 12};
  const auto whole = noise_of(lengths, 1000, 3);
  EXPECT_TRUE(whole == noise_of(lengths, 40, 3));
  EXPECT_TRUE(whole == noise_of(lengths, 1, 3));
  const auto later = noise_of(lengths, 1000, 4);
  EXPECT_NE(whole[0], later[0]);
  EXPECT_NE(whole[0][0], whole[2][0]);
}

class NoisySft : public Training {
 protected:
  SftOptions options(const std::string& name) const {
    SftOptions o = sft_options(name);
    o.neftune_noise_alpha = 20;
    return o;
  }
};

TEST_F(NoisySft, AStoppedRunResumesToTheSameBits) {
  expect_resumes(options("run"), [&](const auto& o, const auto* stop) { return run_sft(o, stop); });
}

TEST_F(NoisySft, TrainingIsDisturbedEvaluationIsNot) {
  SftOptions o = options("noisy");
  o.common.learning_rate = 0;
  run_sft(o);
  o.common.output_dir = (root_ / "plain").string();
  o.neftune_noise_alpha.reset();
  run_sft(o);
  EXPECT_NE(metrics("noisy")[0]["loss"], metrics("plain")[0]["loss"]);
  EXPECT_EQ(last("noisy", "eval_loss"), last("plain", "eval_loss"));
}

TEST_F(NoisySft, MicroBatchesLeaveTheStepAsItIs) {
  SftOptions o = options("whole");
  o.common.max_steps = 1;
  run_sft(o);
  o.common.output_dir = (root_ / "parts").string();
  o.common.micro_batch_tokens = 40;
  run_sft(o);
  const Json whole = metrics("whole")[0], parts = metrics("parts")[0];
  for (const char* name : {"loss", "grad_norm"}) {  // float32 sums, cut elsewhere
    const auto value = whole[name].get<double>();
    EXPECT_NEAR(parts[name].get<double>(), value, 1e-5 * value) << name;
  }
}

}  // namespace
}  // namespace temper::train
