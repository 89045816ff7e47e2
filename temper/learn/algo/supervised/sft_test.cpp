#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

const Loss kSft = [](const Tokens& t) { return supervised("sft")->terms(t); };

const Loss kDft = [](const Tokens& t) { return supervised("sft", "loss_type: dft")->terms(t); };

TEST(Sft, DftConforms) {
  expect_conforms_but_for_differences(kDft);
}

TEST(Sft, LabelSmoothingConforms) {
  const auto member = supervised("sft", "label_smoothing_factor: 0.3");
  EXPECT_TRUE(member->needs_mean_logp());
  EXPECT_FALSE(supervised("sft")->needs_mean_logp());
  expect_conforms([&](Tokens t) {
    t.mean_logp = 3 * t.logp - 2;  // it stands where log-probs stand
    return member->terms(t);
  });
}

TEST(Sft, LabelSmoothingIsNoPartOfDft) {
  const auto member = supervised("sft", "label_smoothing_factor: 0.1\nloss_type: dft");
  try {
    member->needs_mean_logp();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "label_smoothing_factor is not part of loss_type dft");
  }
}

TEST(Sft, WorkedNumbersStandOnThePage) {
  const at::Tensor logits = column({1, 2, 3, 0.5, 0, -0.5}).reshape({2, 3});
  const at::Tensor leaf = logits.set_requires_grad(true);
  const at::Tensor target = at::tensor({2, 0}, at::kLong).reshape({2, 1});
  Tokens tokens = shaped({2});
  tokens.logp = at::gather(at::log_softmax(leaf, 1), 1, target).reshape({2});
  tokens.mean_logp = at::log_softmax(logits.detach(), 1).mean(1);
  const std::vector<double> smoothed =
      metric("", supervised("sft", "label_smoothing_factor: 0.1")->terms(tokens).value).values;
  const Terms terms = kSft(tokens);
  const at::Tensor mean_nll = divided(terms, tokens, counted(tokens));
  mean_nll.backward();
  const std::vector<double> nll = metric("", terms.value).values;
  const std::vector<double> slope = metric("", leaf.grad()).values;

  Tokens two = shaped({1, 3});
  two.logp = column({-2, -0.5, -0.5, -0.5});
  Tokens one = shaped({1});
  one.logp = column({-1});
  const Step dft = step(kDft, one);
  Terms by_sequence = kSft(two);
  by_sequence.per = Per::AnswerMean;
  expect_page("sft", {{"nll_1", nll[0]},
                      {"nll_2", nll[1]},
                      {"loss", mean_nll.item<double>()},
                      {"perplexity", std::exp(mean_nll.item<double>())},
                      {"slope_1", slope[0]},
                      {"slope_2", slope[1]},
                      {"slope_3", slope[2]},
                      {"smoothed_1", smoothed[0]},
                      {"smoothed_2", smoothed[1]},
                      {"dft_1", dft.loss},
                      {"dft_slope", dft.grad[0]},
                      {"token_mean", step(kSft, two).loss},
                      {"sequence_mean", divided(by_sequence, two, counted(two)).item<double>()}});
}

TEST(Sft, EqualsTrlOverMicroBatches) {
  const Json golden = Json::parse(std::ifstream(SOURCE_DIR "/golden/sft.json"));
  int64_t trained = 0;
  for (const Json& row : golden["rows"]) {
    for (int64_t t : row["trained"]) trained += t;
  }
  for (const char* way : {"accumulated", "whole"}) {
    double total = 0;
    for (const Json& batch : golden[way]["micro_batches"]) {
      std::vector<int64_t> lengths;
      for (int64_t row : batch["rows"]) {
        lengths.push_back(0);
        for (int64_t t : golden["rows"][row]["trained"]) lengths.back() += t;
      }
      Tokens tokens = shaped(lengths);
      tokens.logp = column(batch["logp"]);
      const Step ours = step(kSft, tokens, {.tokens = trained, .answers = 6});
      const std::vector<double> theirs = batch["grad"];
      ASSERT_EQ(ours.grad.size(), theirs.size());
      for (size_t i = 0; i < theirs.size(); ++i) EXPECT_NEAR(ours.grad[i], theirs[i], 1e-12);
      total += ours.loss;
    }
    EXPECT_NEAR(total, golden[way]["loss"].get<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace temper::algo::conformance
