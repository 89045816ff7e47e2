// What every member of the preference family must pass, and the numbers that TRL's trainers compute
// (golden/dpo.py).
#include "temper/learn/algo/preference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

const Json& golden() {
  static const Json all = Json::parse(std::ifstream(SOURCE_DIR "/golden/dpo.json"));
  return all;
}

/// The recorded tokens of one side as sums.
struct Recorded {
  std::vector<int64_t> chosen, rejected;  // lengths
  std::vector<PairSums> pairs;
};

Recorded recorded() {
  const Json& from = golden()["pairs"];
  Recorded r{from["chosen_tokens"], from["rejected_tokens"], {}};
  const std::vector<double> logp = from["logp"], ref = from["ref_logp"], p2 = from["log_sum_sq"],
                            prompt = from["prompt_logp"];
  const int64_t prompt_tokens = from["prompt_tokens"].get<int64_t>() - 1;  // predicted ones
  r.pairs.resize(r.chosen.size());
  size_t at = 0;
  auto side = [&](const std::vector<int64_t>& lengths, AnswerSums PairSums::*own,
                  AnswerSums PairSums::*reference) {
    for (size_t p = 0; p < lengths.size(); ++p) {
      const int64_t shared = std::min(r.chosen[p], r.rejected[p]);
      for (int64_t t = 0; t < lengths[p]; ++t, ++at) {
        AnswerSums &sums = r.pairs[p].*own, &before = r.pairs[p].*reference;
        sums.logp += logp[at];
        before.logp += ref[at];
        if (t < shared) sums.shared += logp[at];
        if (t < shared) before.shared += ref[at];
        sums.evenness += (logp[at] - p2[at]) / static_cast<double>(lengths[p]);
      }
    }
  };
  side(r.chosen, &PairSums::chosen, &PairSums::ref_chosen);
  side(r.rejected, &PairSums::rejected, &PairSums::ref_rejected);
  for (size_t p = 0; p < r.pairs.size(); ++p) {
    PairSums& pair = r.pairs[p];
    pair.chosen_tokens = r.chosen[p];
    pair.rejected_tokens = r.rejected[p];
    pair.whole_tokens = r.chosen[p] + prompt_tokens;
    pair.chosen.whole = pair.chosen.logp;
    for (int64_t t = 0; t < prompt_tokens; ++t) {
      pair.chosen.whole += prompt[p * static_cast<size_t>(prompt_tokens) + static_cast<size_t>(t)];
    }
  }
  return r;
}

/// ∂loss/∂logp of every token, in the order of golden/dpo.json.
std::vector<double> by_token(const Recorded& r, const std::vector<PairSums>& slopes, bool prompt) {
  std::vector<double> grad;
  if (prompt) {
    for (size_t p = 0; p < slopes.size(); ++p) {
      grad.insert(grad.end(), static_cast<size_t>(r.pairs[p].whole_tokens - r.chosen[p]),
                  slopes[p].chosen.whole);
    }
  }
  for (bool chosen : {true, false}) {
    for (size_t p = 0; p < slopes.size(); ++p) {
      const AnswerSums& slope = chosen ? slopes[p].chosen : slopes[p].rejected;
      const int64_t shared = std::min(r.chosen[p], r.rejected[p]);
      for (int64_t t = 0; t < (chosen ? r.chosen[p] : r.rejected[p]); ++t) {
        grad.push_back(slope.logp + slope.whole + (t < shared ? slope.shared : 0));
      }
    }
  }
  return grad;
}

TEST(PreferenceGolden, LossesSlopesAndMetricsEqualTrl) {
  const Recorded r = recorded();
  ASSERT_GE(golden()["cases"].size(), 45u);
  for (const Json& wanted : golden()["cases"]) {
    const std::string name = wanted["trainer"];
    SCOPED_TRACE(name + " " + wanted["options"].dump());
    const auto member = preference_member(name, wanted["options"].dump());
    const PairSlopes got = slopes(*member, r.pairs, counted(r.pairs));
    // TRL's alpha divergence computes in float32; ours are sums of at most 13 float64 numbers
    const double tolerance = wanted["float32"].get<bool>() ? 2e-6 : 1e-12;
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), tolerance * (1 + std::abs(got.loss)));
    const std::vector<double> theirs = wanted["grad"];
    const std::vector<double> ours = by_token(r, got.slopes, name == "orpo");
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      EXPECT_NEAR(ours[i], theirs[i], tolerance * (1 + std::abs(ours[i]))) << "token " << i;
    }
    for (const auto& [metric, value] : wanted["metrics"].items()) {
      if (metric == "nll_loss") continue;  // the step's
      // TRL counts what is right in float32
      const double slack = metric == "rewards/accuracies" ? 1e-7 : tolerance * 100;
      EXPECT_NEAR(mean_of(got.metrics, metric), value.get<double>(), slack) << metric;
    }
  }
}

TEST(Preference, SlopesAreFiniteDifferences) {
  for (const auto& [name, options] : kVariants) {
    SCOPED_TRACE(name + " " + options);
    const auto member = preference_member(name, options);
    const std::vector<PairSums> pairs = recorded().pairs;
    const PairSlopes exact = slopes(*member, pairs, counted(pairs));
    constexpr double kStep = 1e-5;
    for (size_t p = 0; p < pairs.size(); ++p) {
      for (AnswerSums PairSums::*side : {&PairSums::chosen, &PairSums::rejected}) {
        for (double AnswerSums::*sum :
             {&AnswerSums::logp, &AnswerSums::shared, &AnswerSums::whole, &AnswerSums::drift}) {
          double at[2];
          for (int up : {0, 1}) {
            std::vector<PairSums> moved = pairs;
            moved[p].*side.*sum += up ? kStep : -kStep;
            at[up] = slopes(*member, moved, counted(pairs)).loss;
          }
          // kStep² times a third derivative of order 10
          EXPECT_NEAR((at[1] - at[0]) / (2 * kStep), exact.slopes[p].*side.*sum, 3e-8) << p;
        }
      }
    }
  }
}

TEST(Preference, MicroBatchesChangeNothing) {
  for (const auto& [name, options] : kVariants) {
    SCOPED_TRACE(name + " " + options);
    const auto member = preference_member(name, options);
    if (member->needs_whole_batch()) continue;
    const std::vector<PairSums> pairs = recorded().pairs;
    const PairDenominators whole = counted(pairs);
    const PairSlopes together = slopes(*member, pairs, whole);
    double loss = 0;
    for (size_t p = 0; p < pairs.size(); ++p) {
      const PairSlopes one = slopes(*member, {&pairs[p], 1}, whole);
      loss += one.loss;
      EXPECT_NEAR(one.slopes[0].chosen.logp, together.slopes[p].chosen.logp, 1e-13);
      EXPECT_NEAR(one.slopes[0].rejected.logp, together.slopes[p].rejected.logp, 1e-13);
    }
    EXPECT_NEAR(loss, together.loss, 1e-12);
  }
}

TEST(Preference, BrokenNumbersShowAndStayInTheirPair) {
  for (const auto& [name, options] : kVariants) {
    SCOPED_TRACE(name + " " + options);
    const auto member = preference_member(name, options);
    EXPECT_EQ(slopes(*member, {}, {}).loss, 0);
    const std::vector<PairSums> good = recorded().pairs;
    const PairSlopes before = slopes(*member, good, counted(good));
    std::vector<PairSums> bad = good;
    bad[0].chosen.logp = bad[0].chosen.whole = std::nan("");
    const PairSlopes after = slopes(*member, bad, counted(bad));
    EXPECT_TRUE(std::isnan(after.loss));
    if (member->needs_whole_batch()) continue;
    for (size_t p = 1; p < good.size(); ++p) {
      EXPECT_EQ(after.slopes[p].chosen.logp, before.slopes[p].chosen.logp);
    }
  }
}

TEST(Preference, SwappedAnswersPullTheOtherWay) {
  for (const NamedPreference& named : preference_catalogue()) {
    const auto member = preference_member(std::string(named.name), "");
    const std::vector<PairSums> pairs = recorded().pairs;
    for (const PairSums& slope : slopes(*member, pairs, counted(pairs)).slopes) {
      EXPECT_LT(slope.chosen.logp + slope.chosen.whole, 0) << named.name;
      if (named.member->pairing == Pairing::OwnAndMixture) {  // the opponent is not learned from
        EXPECT_EQ(slope.rejected.logp, 0) << named.name;
      } else {
        EXPECT_GT(slope.rejected.logp, 0) << named.name;
      }
    }
  }
}

}  // namespace

std::unique_ptr<PreferenceLoss> preference_member(const std::string& name,
                                                  const std::string& options) {
  return named_member(preference_catalogue(), name, options);
}

PairSums worked_pair() {
  return {.chosen = {.logp = -4},
          .rejected = {.logp = -6},
          .ref_chosen = {.logp = -5},
          .ref_rejected = {.logp = -5.5},
          .chosen_tokens = 4,
          .rejected_tokens = 5};
}

double mean_of(const std::vector<Metric>& metrics, const std::string& name) {
  for (const Metric& metric : metrics) {
    if (metric.name != name) continue;
    double total = 0;
    for (double value : metric.values) total += value;
    return total / static_cast<double>(metric.values.size());
  }
  throw std::runtime_error("no metric " + name);
}

const std::vector<std::pair<std::string, std::string>> kVariants = [] {
  std::vector<std::pair<std::string, std::string>> all = {
      {"dpo", "{ld_alpha: 0.3}"},
      {"dpo", "{use_weighting: true}"},
      {"dpo", "{f_divergence_type: forward_kl}"},
      {"dpo", "{f_divergence_type: js_divergence}"},
      {"dpo", "{f_divergence_type: alpha_divergence}"},
      {"dpo", "{loss_type: [sigmoid, bco_pair, sft], loss_weights: [0.8, 0.2, 1]}"},
      {"cpo", "{}"},
      {"cpo", "{loss_type: simpo, cpo_alpha: 0}"},
      {"cpo", "{alpha: 0.1, loss_type: simpo}"},
      {"orpo", "{}"},
      {"kto", "{desirable_weight: 1.5, undesirable_weight: 0.7}"},
      {"kto", "{loss_type: apo_zero_unpaired}"},
      {"bco", "{}"},
      {"online_dpo", "{}"},
      {"online_dpo", "{loss_type: ipo}"},
      {"xpo", "{alpha: 0.02}"},
      {"nash_md", "{}"},
      {"spin", "{}"}};
  for (const char* type :
       {"sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot",
        "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"}) {
    all.push_back({"dpo", std::string("{label_smoothing: 0.1, loss_type: [") + type + "]}"});
  }
  return all;
}();

}  // namespace temper::algo
