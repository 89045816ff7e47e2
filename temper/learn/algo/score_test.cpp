// What every member of the score family must pass, and the members' pages.
#include "temper/learn/algo/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/named_member.h"

namespace temper::algo {
namespace {

/// A member by name, its options read from YAML.
std::unique_ptr<ScoreLoss> score_member(const std::string& name, const std::string& options = "") {
  return named_member(score_catalogue(), name, options);
}

struct Variant {
  std::string name, options;
  bool margin = false;
};
const std::vector<Variant> kVariants = {{"reward", ""},
                                        {"reward", "", true},
                                        {"reward", "center_rewards_coefficient: 0.3", true},
                                        {"prm", ""}};

/// Four pairs, or eight steps.
ScoreNumbers sample(const Variant& variant) {
  ScoreNumbers numbers{
      .labels = 1, .values = {0.3, -1.1, 2.5, 2.4, -0.7, 0.9, 1.5, -3}, .right = {}, .margin = {}};
  if (variant.margin) numbers.margin = {0, 1, -0.5, 3};
  if (variant.name != "prm") return numbers;
  numbers.labels = 2;
  numbers.right = {1, 0, 0, 1};
  return numbers;
}

/// Terms `begin` up to `end` alone.
ScoreNumbers part(const ScoreNumbers& all, size_t begin, size_t end) {
  ScoreNumbers some{.labels = all.labels,
                    .values = {all.values.begin() + std::ptrdiff_t(2 * begin),
                               all.values.begin() + std::ptrdiff_t(2 * end)},
                    .right = {},
                    .margin = {}};
  auto cut = [&](const auto& from, auto& to) {
    if (!from.empty()) {
      to.assign(from.begin() + std::ptrdiff_t(begin), from.begin() + std::ptrdiff_t(end));
    }
  };
  cut(all.right, some.right);
  cut(all.margin, some.margin);
  return some;
}

TEST(Score, SlopesAreFiniteDifferences) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name + " " + variant.options);
    const auto member = score_member(variant.name, variant.options);
    const ScoreNumbers numbers = sample(variant);
    const ScoreSlopes exact = slopes(*member, numbers, 4);
    constexpr double kStep = 1e-5;
    for (size_t i = 0; i < numbers.values.size(); ++i) {
      ScoreNumbers up = numbers, down = numbers;
      up.values[i] += kStep;
      down.values[i] -= kStep;
      const double slope =
          (slopes(*member, up, 4).loss - slopes(*member, down, 4).loss) / (2 * kStep);
      EXPECT_NEAR(slope, exact.slopes[i], 1e-9) << i;
    }
  }
}

TEST(Score, MicroBatchesChangeNothing) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name + " " + variant.options);
    const auto member = score_member(variant.name, variant.options);
    const ScoreNumbers all = sample(variant);
    const ScoreSlopes together = slopes(*member, all, 4);
    double loss = 0;
    std::vector<double> apart;
    for (const auto& [begin, end] : {std::pair{0, 1}, {1, 4}}) {
      const ScoreSlopes some =
          slopes(*member, part(all, static_cast<size_t>(begin), static_cast<size_t>(end)), 4);
      loss += some.loss;
      apart.insert(apart.end(), some.slopes.begin(), some.slopes.end());
    }
    EXPECT_NEAR(loss, together.loss, 1e-14);
    conformance::expect_equal(apart, together.slopes, 1e-15);
  }
}

TEST(Score, BrokenNumbersShowAndStayInTheirTerm) {
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name + " " + variant.options);
    const auto member = score_member(variant.name, variant.options);
    EXPECT_EQ(slopes(*member, {}, 0).loss, 0);
    const ScoreNumbers good = sample(variant);
    const ScoreSlopes before = slopes(*member, good, 4);
    ScoreNumbers bad = good;
    bad.values[0] = std::nan("");
    const ScoreSlopes after = slopes(*member, bad, 4);
    EXPECT_TRUE(std::isnan(after.loss));
    for (size_t i = 2; i < good.values.size(); ++i) EXPECT_EQ(after.slopes[i], before.slopes[i]);
    bad.values[0] = 1e300;  // far apart, and finite all the same
    if (variant.options.empty()) {
      EXPECT_TRUE(std::isfinite(slopes(*member, bad, 4).slopes[0]));
    }
  }
}

TEST(Reward, WorkedNumbersStandOnThePage) {
  const ScoreNumbers pair{.labels = 1, .values = {1.5, 0.5}, .right = {}, .margin = {}};
  ScoreNumbers with_margin = pair;
  with_margin.margin = {1};
  const auto plain = score_member("reward");
  const ScoreSlopes step = slopes(*plain, pair, 1);
  const auto centred = score_member("reward", "center_rewards_coefficient: 0.01");
  conformance::expect_page("reward", {{"loss", step.loss},
                                      {"probability", std::exp(-step.loss)},
                                      {"slope_chosen", step.slopes[0]},
                                      {"slope_rejected", step.slopes[1]},
                                      {"with_margin", slopes(*plain, with_margin, 1).loss},
                                      {"centring", slopes(*centred, pair, 1).loss - step.loss}});
}

TEST(Reward, MetricsAreOverBothAnswers) {
  const ScoreSlopes step = slopes(*score_member("reward"), sample({"reward", ""}), 4);
  std::map<std::string, Metric> metrics;
  for (const Metric& metric : step.metrics) metrics[metric.name] = metric;
  EXPECT_EQ(metrics["min_reward"].fold, Fold::Least);
  EXPECT_EQ(metrics["max_reward"].fold, Fold::Largest);
  EXPECT_EQ(metrics["mean_reward"].values.size(), 8u);
  EXPECT_EQ(metrics["accuracy"].values, (std::vector<double>{1, 1, 0, 1}));
}

TEST(Prm, WorkedNumbersStandOnThePage) {
  const ScoreNumbers steps{
      .labels = 2, .values = {-1, 1, 0.5, 0, 0, 0}, .right = {1, 0, 0}, .margin = {}};
  const auto member = score_member("prm");
  const ScoreSlopes step = slopes(*member, steps, 3);
  std::vector<double> terms, rewards;
  for (size_t i = 0; i < 3; ++i) {
    const ScoreNumbers one{.labels = 2,
                           .values = {steps.values[2 * i], steps.values[2 * i + 1]},
                           .right = {steps.right[i]},
                           .margin = {}};
    terms.push_back(slopes(*member, one, 1).loss);
    rewards.push_back(slopes(*member, one, 1).metrics[1].values[0]);
  }
  conformance::expect_page("prm", {{"right_1", rewards[0]},
                                   {"right_2", rewards[1]},
                                   {"right_3", rewards[2]},
                                   {"step_1", terms[0]},
                                   {"step_2", terms[1]},
                                   {"step_3", terms[2]},
                                   {"loss", step.loss},
                                   {"slope", step.slopes[1]}});
}

}  // namespace

}  // namespace temper::algo
