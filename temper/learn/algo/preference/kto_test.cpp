#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

/// The answers of the page: one of each kind, gains 1 and -0.5.
std::vector<PairSums> worked() {
  return {{.chosen = {.logp = -4}, .ref_chosen = {.logp = -5}, .chosen_tokens = 4},
          {.rejected = {.logp = -6}, .ref_rejected = {.logp = -5.5}, .rejected_tokens = 5}};
}

PairSlopes with(const std::string& options, const std::vector<PairSums>& rows,
                const BatchMeans& means) {
  return slopes(*preference_member("kto", options), rows, counted(rows), means);
}

TEST(Kto, WorkedNumbersStandOnThePage) {
  const BatchMeans far{.mismatched = 0.4}, below{.mismatched = -2};
  const PairSlopes step = with("", worked(), far);
  conformance::expect_page(
      "kto",
      {{"loss", step.loss},
       {"desirable", with("", {worked()[0]}, far).loss},
       {"undesirable", with("", {worked()[1]}, far).loss},
       {"reward_chosen", mean_of(step.metrics, "rewards/chosen")},
       {"reward_rejected", mean_of(step.metrics, "rewards/rejected")},
       {"slope_desirable", step.slopes[0].chosen.logp},
       {"slope_undesirable", step.slopes[1].rejected.logp},
       {"z_below_zero", with("", worked(), below).loss},
       {"apo_zero_unpaired", with("loss_type: apo_zero_unpaired", worked(), far).loss},
       {"weighted", with("{desirable_weight: 2, undesirable_weight: 1}", worked(), far).loss}});
}

TEST(Kto, LossGradientAndMetricsEqualTrl) {
  const Json golden = conformance::recorded("kto");
  const Json& from = golden["answers"];
  const std::vector<int64_t> lengths = from["tokens"];
  const std::vector<double> logp = from["logp"], ref = from["ref_logp"], mixed = from["mismatched"],
                            ref_mixed = from["ref_mismatched"];
  double gain = 0;
  for (size_t i = 0; i < mixed.size(); ++i) {
    gain += (mixed[i] - ref_mixed[i]) / static_cast<double>(mixed.size());
  }
  for (const Json& wanted : golden["cases"]) {
    SCOPED_TRACE(wanted.dump().substr(0, 200));
    const std::vector<bool> labels = wanted["labels"];
    std::vector<PairSums> rows(lengths.size());
    size_t at = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      (labels[i] ? rows[i].chosen_tokens : rows[i].rejected_tokens) = lengths[i];
      for (int64_t t = 0; t < lengths[i]; ++t, ++at) {
        (labels[i] ? rows[i].chosen : rows[i].rejected).logp += logp[at];
        (labels[i] ? rows[i].ref_chosen : rows[i].ref_rejected).logp += ref[at];
      }
    }
    const BatchMeans means{.mismatched = gain - (wanted["far"].get<bool>() ? 4 : 0)};
    const PairSlopes got = with(wanted["options"].dump(), rows, means);
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), 1e-12);
    std::vector<double> ours;
    for (size_t i = 0; i < rows.size(); ++i) {
      const PairSums& slope = got.slopes[i];
      ours.insert(ours.end(), static_cast<size_t>(lengths[i]),
                  labels[i] ? slope.chosen.logp : slope.rejected.logp);
    }
    conformance::expect_equal(ours, wanted["grad"]);
    for (const auto& [metric, value] : wanted["metrics"].items()) {
      if (metric == "rewards/margins") continue;  // the step's
      EXPECT_NEAR(mean_of(got.metrics, metric), value.get<double>(), 1e-12) << metric;
    }
  }
}

TEST(Kto, AnswersThatStandAtZHaveHalfTheirWeight) {
  std::vector<PairSums> rows = worked();
  rows[0].chosen = rows[0].ref_chosen;
  rows[1].rejected = rows[1].ref_rejected;
  EXPECT_EQ(with("", rows, {}).loss, 0.5);
  EXPECT_EQ(mean_of(with("", rows, {}).metrics, "kl"), 0);
}

TEST(Kto, BrokenNumbersShow) {
  EXPECT_TRUE(std::isnan(with("", worked(), {.mismatched = std::nan("")}).loss));
  std::vector<PairSums> rows = worked();
  rows[1].rejected.logp = -std::numeric_limits<double>::infinity();
  const PairSlopes step = with("", rows, {});
  EXPECT_TRUE(std::isfinite(step.loss));
  EXPECT_EQ(step.slopes[1].rejected.logp, 0);
}

TEST(Kto, AdviceFollowsThePapersRatio) {
  auto advice = [](int64_t chosen, int64_t rejected, const std::string& options) {
    return preference_member("kto", options)->advice(chosen, rejected);
  };
  EXPECT_EQ(advice(10, 10, ""), "");
  EXPECT_EQ(advice(4, 3, ""), "");  // at its ends
  EXPECT_EQ(advice(10, 0, ""), "");
  EXPECT_EQ(advice(10, 50, "desirable_weight: 6"), "");
  const std::string said = advice(10, 50, "");
  EXPECT_NE(said.find("--desirable_weight 5.00 to 6.67"), std::string::npos) << said;
  EXPECT_NE(said.find("--undesirable_weight 0.15 to 0.20"), std::string::npos) << said;
}

}  // namespace
}  // namespace temper::algo
