// What the members whose pairs are sampled compute beside TRL's trainers.
#include "temper/learn/algo/online.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo {
namespace {

/// One recorded answer's tokens, and their sums.
struct Recorded {
  double score = 0;
  bool ended = true;
  std::vector<double> logp, ref;
  AnswerSums own, before;

  /// log π - log π_ref of each token.
  std::vector<double> drift() const {
    std::vector<double> all;
    for (size_t t = 0; t < logp.size(); ++t) all.push_back(logp[t] - ref[t]);
    return all;
  }
};

std::vector<Recorded> answers_of(const Json& from) {
  std::vector<Recorded> all;
  size_t at = 0;
  for (size_t i = 0; i < from["tokens"].size(); ++i) {
    Recorded& answer = all.emplace_back();
    answer.score = from["scores"][i];
    if (from.contains("ended")) answer.ended = from["ended"][i];
    for (int64_t t = 0; t < from["tokens"][i]; ++t, ++at) {
      answer.logp.push_back(from["logp"][at]);
      answer.ref.push_back(from["ref_logp"][at]);
      answer.own.logp += answer.logp.back();
      answer.before.logp += answer.ref.back();
      answer.own.drift += (answer.logp.back() - answer.ref.back()) * answer.logp.back();
    }
  }
  return all;
}

PairSums pair_of(const Recorded& chosen, const Recorded& rejected, double win) {
  return {.chosen = chosen.own,
          .rejected = rejected.own,
          .ref_chosen = chosen.before,
          .ref_rejected = rejected.before,
          .chosen_tokens = std::ssize(chosen.logp),
          .rejected_tokens = std::ssize(rejected.logp),
          .win = win};
}

/// ∂loss/∂logp of an answer's tokens behind those of others.
void add(std::vector<double>& to, const Recorded& answer, const AnswerSums& slope) {
  for (const double drift : answer.drift()) to.push_back(slope.logp + slope.drift * drift);
}

/// Sums of at most 12 float64 numbers.
void expect_near(const std::vector<double>& got, const std::vector<double>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-13) << i;
}

void expect_stats(const PairSlopes& got, const Json& stats, std::vector<std::string> names) {
  for (const std::string& name : names)
    EXPECT_NEAR(mean_of(got.metrics, name), stats[name].get<double>(), 1e-12) << name;
}

TEST(OnlineGolden, OnlineDpoEqualsTrl) {
  const Json golden = conformance::recorded("online_dpo");
  const std::vector<Recorded> all = answers_of(golden["answers"]);
  const size_t prompts = all.size() / 2;
  for (const Json& wanted : golden["cases"]) {
    SCOPED_TRACE(wanted["options"].dump());
    Json options = wanted["options"];
    const double penalty = options.value("missing_eos_penalty", 0.0);
    options.erase("missing_eos_penalty");  // the loop's
    std::vector<PairSums> pairs;
    std::vector<bool> second;
    for (size_t p = 0; p < prompts; ++p) {
      const Recorded &a = all[p], &b = all[p + prompts];
      auto score = [&](const Recorded& r) { return r.score - (r.ended ? 0 : penalty); };
      second.push_back(score(b) > score(a));
      pairs.push_back(second.back() ? pair_of(b, a, 1) : pair_of(a, b, 1));
    }
    const PairSlopes got =
        slopes(*preference_member("online_dpo", options.dump()), pairs, counted(pairs));
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), 1e-12 * (1 + std::abs(got.loss)));
    std::vector<double> grad;
    for (const bool first_answers : {true, false}) {
      for (size_t p = 0; p < prompts; ++p) {
        const bool chosen = first_answers != second[p];
        add(grad, all[first_answers ? p : p + prompts],
            chosen ? got.slopes[p].chosen : got.slopes[p].rejected);
      }
    }
    expect_near(grad, wanted["grad"]);
    expect_stats(got, wanted["stats"],
                 {"objective/kl", "objective/entropy", "objective/non_score_reward",
                  "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
                  "logps/chosen", "logps/rejected"});
  }
}

TEST(OnlineGolden, XpoEqualsTrl) {
  const Json golden = conformance::recorded("xpo");
  const std::vector<Recorded> own = answers_of(golden["answers"]["own"]),
                              other = answers_of(golden["answers"]["other"]);
  for (const Json& wanted : golden["xpo"]) {
    SCOPED_TRACE(wanted["options"].dump());
    std::vector<PairSums> pairs;
    for (size_t p = 0; p < own.size(); ++p) {
      pairs.push_back(own[p].score >= other[p].score ? pair_of(own[p], other[p], 1)
                                                     : pair_of(other[p], own[p], 0));
    }
    const PairSlopes got =
        slopes(*preference_member("xpo", wanted["options"].dump()), pairs, counted(pairs));
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), 1e-12 * (1 + std::abs(got.loss)));
    std::vector<double> grad;
    for (const bool mine : {true, false}) {
      for (size_t p = 0; p < own.size(); ++p) {
        const bool chosen = mine == (pairs[p].win == 1);
        add(grad, mine ? own[p] : other[p], chosen ? got.slopes[p].chosen : got.slopes[p].rejected);
      }
    }
    expect_near(grad, wanted["grad"]);
    expect_stats(got, wanted["stats"],
                 {"loss/dpo", "loss/xpo", "objective/kl", "objective/entropy", "rewards/chosen",
                  "rewards/rejected", "rewards/accuracies", "rewards/margins"});
  }
}

TEST(OnlineGolden, NashMdEqualsTrl) {
  const Json golden = conformance::recorded("xpo");
  const std::vector<Recorded> own = answers_of(golden["answers"]["own"]);
  for (const Json& wanted : golden["nash_md"]) {
    SCOPED_TRACE(wanted["options"].dump());
    std::vector<PairSums> answers;
    for (size_t p = 0; p < own.size(); ++p)
      answers.push_back(pair_of(own[p], {}, wanted["probability"][p]));
    const PairSlopes got =
        slopes(*preference_member("nash_md", wanted["options"].dump()), answers, counted(answers));
    EXPECT_NEAR(got.loss, wanted["loss"].get<double>(), 1e-12 * (1 + std::abs(got.loss)));
    std::vector<double> grad;
    for (size_t p = 0; p < own.size(); ++p) add(grad, own[p], got.slopes[p].chosen);
    expect_near(grad, wanted["grad"]);
    expect_stats(got, wanted["stats"],
                 {"loss/score", "loss/kl", "objective/entropy", "rewards/probabilities",
                  "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"});
  }
}

}  // namespace
}  // namespace temper::algo
