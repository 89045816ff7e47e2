#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

/// Row `i` of sums with labels.
PairSums answer(bool label, double logp, double ref) {
  PairSums row;
  (label ? row.chosen : row.rejected).logp = logp;
  (label ? row.ref_chosen : row.ref_rejected).logp = ref;
  (label ? row.chosen_tokens : row.rejected_tokens) = 3;
  return row;
}

PairSlopes with(const std::string& options, const std::vector<PairSums>& rows, double running) {
  return slopes(*preference_member("bco", options), rows, counted(rows), {.running = running});
}

TEST(Bco, WorkedNumbersStandOnThePage) {
  const std::vector<PairSums> rows = {answer(true, -4, -5), answer(false, -6, -5.5)};
  RunningMean running{.total = 0.5, .count = 3};
  for (double gain : {1.0, -0.5}) running.add(gain);
  const PairSlopes step = with("", rows, running.mean());
  conformance::expect_page("bco", {{"delta", mean_of(step.metrics, "delta")},
                                   {"desirable", with("", {rows[0]}, running.mean()).loss},
                                   {"undesirable", with("", {rows[1]}, running.mean()).loss},
                                   {"loss", step.loss},
                                   {"slope_desirable", step.slopes[0].chosen.logp},
                                   {"slope_undesirable", step.slopes[1].rejected.logp}});
}

TEST(Bco, BatchesInARowEqualTrl) {
  const Json golden = conformance::recorded("bco");
  RunningMean running;
  for (const Json& wanted : golden["batches"]) {
    const std::vector<bool> labels = wanted["labels"];
    const std::vector<double> logp = wanted["logp"], ref = wanted["ref_logp"];
    std::vector<PairSums> rows;
    for (size_t i = 0; i < labels.size(); ++i) {
      rows.push_back(answer(labels[i], logp[i], ref[i]));
      if (wanted["training"].get<bool>()) running.add(logp[i] - ref[i]);
    }
    const PairSlopes got = with("beta: " + golden["beta"].dump(), rows, running.mean());
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), 1e-12);
    EXPECT_NEAR(mean_of(got.metrics, "delta"), wanted["delta"].get<double>(), 1e-12);
    std::vector<double> ours;
    for (size_t i = 0; i < labels.size(); ++i) {
      ours.push_back(labels[i] ? got.slopes[i].chosen.logp : got.slopes[i].rejected.logp);
    }
    conformance::expect_equal(ours, wanted["grad"]);
  }
}

TEST(Bco, TheRunningMeanPassesOverBrokenNumbers) {
  RunningMean running;
  for (double gain : {2.0, std::nan(""), -std::numeric_limits<double>::infinity(), 4.0}) {
    running.add(gain);
  }
  EXPECT_EQ(running.mean(), 3);
  EXPECT_EQ(RunningMean().mean(), 0);
}

}  // namespace
}  // namespace temper::algo
