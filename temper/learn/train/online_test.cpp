// The loop that samples its pairs, on tiny models: what becomes of answers, mismatch, resume,
// rewards from models, bad input.
#include "temper/learn/train/online.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>

#include "temper/foundation/file/file.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/preference.h"
#include "temper/learn/train/duel.h"
#include "temper/learn/train/onlining.h"

namespace temper::train {
namespace {

using algo::Pairing;

constexpr const char* kMembers[] = {"online_dpo", "xpo", "nash_md"};

/// Two answers with these rewards; NaN: not judged. A negative length: it did not end.
evaluate::Rollout rollout(std::pair<double, double> rewards, std::pair<int, int> lengths) {
  evaluate::Rollout made;
  made.prompt = {7, 8};
  int32_t token = 20;
  for (const auto& [reward, length] :
       {std::pair{rewards.first, lengths.first}, std::pair{rewards.second, lengths.second}}) {
    chat::Completion said;
    said.finish = length < 0 ? chat::Finish::Length : chat::Finish::Stop;
    for (int i = 0; i < std::abs(length); ++i) said.tokens.push_back(token++);
    said.logp.assign(said.tokens.size(), -0.5f);
    made.completions.push_back(std::move(said));
    reward::Verdict verdict;
    verdict.reward = reward;
    if (std::isnan(reward)) verdict.outcome = reward::Outcome::Error;
    made.verdicts.push_back(verdict);
  }
  return made;
}

std::map<std::string, double> named(const Figures& figures) {
  return {figures.begin(), figures.end()};
}

TEST(Duel, TheBetterAnswerIsChosenAndTheRestIsCounted) {
  const double none = std::nan("");
  const std::vector<evaluate::Rollout> rollouts = {
      rollout({1, 0}, {2, 3}), rollout({0.25, 0.5}, {2, -3}), rollout({1, 1}, {2, 3}),
      rollout({none, 1}, {2, 3}), rollout({0, none}, {2, 3})};
  const Duels made = duels(rollouts, {});
  EXPECT_EQ(made.chosen, (std::vector<int>{0, 1, -1, -1, -1}));
  EXPECT_EQ(made.tied, 1);
  EXPECT_EQ(made.unscored, 2);
  ASSERT_EQ(made.pairs.size(), 2u);
  EXPECT_EQ(made.pairs[1].chosen, rollouts[1].completions[1].tokens);
  EXPECT_EQ(made.pairs[1].rejected, rollouts[1].completions[0].tokens);
  EXPECT_EQ(made.pairs[1].rejected_tokens.behaviour.size(), 2u);
  std::map<std::string, double> figures = named(made.figures);
  EXPECT_DOUBLE_EQ(figures["objective/scores"], 1.75 / 4);
  EXPECT_DOUBLE_EQ(figures["objective/scores_margin"], 1.25 / 2);
  EXPECT_DOUBLE_EQ(figures["val/contain_eos_token"], 0.9);
  EXPECT_DOUBLE_EQ(figures["frac_pairs_tied"], 0.2);
  EXPECT_DOUBLE_EQ(figures["frac_pairs_unscored"], 0.4);
}

TEST(Duel, AnAnswerThatDidNotEndLosesItsPenalty) {
  const std::vector<evaluate::Rollout> rollouts = {rollout({0.25, 0.5}, {2, -3})};
  EXPECT_EQ(duels(rollouts, {.missing_eos_penalty = 0.2}).chosen[0], 1);
  EXPECT_EQ(duels(rollouts, {.missing_eos_penalty = 0.25}).tied, 1);
  EXPECT_EQ(duels(rollouts, {.missing_eos_penalty = 0.3}).chosen[0], 0);
}

TEST(Duel, ScoresAreCountedAsTrlCountsThem) {
  const Json golden =
      text::parse_json(file::read_file(SOURCE_DIR "/golden/online_dpo.json"), "online_dpo.json");
  const Json& answers = golden["answers"];
  const size_t prompts = answers["tokens"].size() / 2;
  auto length = [&](size_t answer) {
    const int tokens = answers["tokens"][answer];
    return answers["ended"][answer].get<bool>() ? tokens : -tokens;
  };
  std::vector<evaluate::Rollout> rollouts;
  for (size_t p = 0; p < prompts; ++p) {
    rollouts.push_back(rollout({answers["scores"][p], answers["scores"][p + prompts]},
                               {length(p), length(p + prompts)}));
  }
  for (const Json& wanted : golden["cases"]) {
    const Duels made = duels(
        rollouts, {.missing_eos_penalty = wanted["options"].value("missing_eos_penalty", 0.0)});
    EXPECT_EQ(made.pairs.size(), prompts);
    for (const char* name :
         {"objective/scores", "objective/scores_margin", "val/contain_eos_token"})
      EXPECT_NEAR(named(made.figures)[name], wanted["stats"][name].get<double>(), 1e-7) << name;
  }
}

TEST(Duel, TheSameAnswerTwiceIsNoPair) {
  std::vector<evaluate::Rollout> rollouts = {rollout({1, 0}, {2, 2})};
  rollouts[0].completions[1] = rollouts[0].completions[0];
  EXPECT_EQ(duels(rollouts, {}).tied, 1);
}

TEST(Duel, TheReferencesAnswerIsKnownWhicheverWins) {
  const std::vector<evaluate::Rollout> rollouts = {rollout({1, 0}, {2, 3}),
                                                   rollout({0, 1}, {2, 3})};
  const Duels made = duels(rollouts, {.pairing = Pairing::OwnAndReference});
  EXPECT_EQ(made.pairs[0].win, 1);
  EXPECT_EQ(made.pairs[1].win, 0);
  EXPECT_EQ(made.pairs[0].rejected_tokens.ref_behaviour.size(), 3u);
  EXPECT_EQ(made.pairs[1].chosen_tokens.ref_behaviour.size(), 3u);
  EXPECT_TRUE(made.pairs[1].chosen_tokens.behaviour.empty());
  EXPECT_DOUBLE_EQ(named(made.figures)["objective/model_scores"], 0.5);
}

TEST(Duel, AgainstTheMixtureEveryJudgedAnswerCounts) {
  const std::vector<evaluate::Rollout> rollouts = {rollout({1, 0}, {2, 3}), rollout({0, 1}, {2, 3}),
                                                   rollout({1, 1}, {2, 3}),
                                                   rollout({std::nan(""), 1}, {2, 3})};
  Duels made = duels(rollouts, {.pairing = Pairing::OwnAndMixture});
  ASSERT_EQ(made.pairs.size(), 3u);
  EXPECT_EQ(made.unscored, 1);
  for (const auto& [pair, win] : {std::pair{0u, 1.0}, {1u, 0.0}, {2u, 0.5}}) {
    EXPECT_EQ(made.pairs[pair].win, win);
    EXPECT_EQ(made.pairs[pair].chosen, rollouts[pair].completions[0].tokens);
    EXPECT_TRUE(made.pairs[pair].rejected.empty());
  }
  made = duels(rollouts, {.pairing = Pairing::OwnAndMixture, .graded = true});
  EXPECT_DOUBLE_EQ(made.pairs[0].win, 1 / (1 + std::exp(-1)));
  EXPECT_DOUBLE_EQ(made.pairs[2].win, 0.5);
}

TEST_F(Onlining, SamplerAndTrainerAgreeToTheBit) {
  for (const char* name : kMembers) {
    for (const char* dtype : {"float32", "bfloat16"}) {
      for (const double temperature : {1.0, 0.9}) {
        SCOPED_TRACE(std::string(name) + " " + dtype);
        OnlineOptions o = options(std::string(name) + dtype + std::to_string(temperature));
        o.common.dtype = dtype;
        o.common.max_steps = 2;
        o.temperature = temperature;
        const Result result = run_member(o, name);
        EXPECT_EQ(result.state.largest_mismatch, 0);
        EXPECT_GT(result.state.compared, 50);
      }
    }
  }
}

TEST_F(Onlining, AStoppedRunResumesToTheSameBits) {
  for (const char* name : kMembers) {
    SCOPED_TRACE(name);
    OnlineOptions o = options("run");
    o.missing_eos_penalty = 0.5;
    expect_resumes(
        o, [&](const auto& each, const auto* stop) { return run_member(each, name, "", stop); });
    EXPECT_EQ(Json::parse(read("parts/summary.json"))["pairs"],
              Json::parse(read("whole/summary.json"))["pairs"]);
    EXPECT_GT(metrics("whole")[0]["grad_norm"].get<double>(), 0);
    for (const char* folder : {"whole", "parts"}) std::filesystem::remove_all(root_ / folder);
  }
}

TEST_F(Onlining, AStoppedRunWithAReferenceThatFollowsResumesToTheSameBits) {
  OnlineOptions o = options("run");
  o.sync = {.sync_ref_model = true, .ref_model_mixup_alpha = 0.6, .ref_model_sync_steps = 1};
  expect_resumes(
      o, [&](const auto& each, const auto* stop) { return run_member(each, "xpo", "", stop); });
}

TEST_F(Onlining, AnAdapterHasItsBaseForReference) {
  for (const char* name : kMembers) {
    OnlineOptions o = options(name);
    o.common.use_peft = true;
    o.common.lora_r = 4;
    o.common.learning_rate = 1e-2;
    const Result result = run_member(o, name);
    EXPECT_EQ(result.state.largest_mismatch, 0) << name;
    const char* drift = name == std::string("nash_md") ? "loss/kl" : "objective/kl";
    EXPECT_EQ(metrics(name)[0][drift], 0) << name;
    EXPECT_NE(last(name, drift), 0) << name;
  }
}

TEST_F(Onlining, TheFirstLossIsExactlyLog2AndMetricsHaveTrlsNames) {
  const Result result = run_member(options("a"));
  EXPECT_EQ(result.state.first_loss, std::numbers::ln2);
  const Json first = metrics("a")[0];
  for (const char* name : {"loss",
                           "grad_norm",
                           "learning_rate",
                           "num_tokens",
                           "objective/kl",
                           "objective/entropy",
                           "objective/non_score_reward",
                           "objective/rlhf_reward",
                           "objective/scores",
                           "objective/scores_margin",
                           "rewards/chosen",
                           "rewards/rejected",
                           "rewards/accuracies",
                           "rewards/margins",
                           "logps/chosen",
                           "logps/rejected",
                           "val/contain_eos_token",
                           "reward",
                           "frac_pairs_tied",
                           "sampling/sampling_logp_difference/max"}) {
    EXPECT_TRUE(first.contains(name)) << name;
  }
  EXPECT_EQ(first["objective/kl"], 0);
  EXPECT_EQ(first["objective/rlhf_reward"], first["objective/scores"]);
  EXPECT_FALSE(std::isnan(last("a", "eval_reward")));
  int64_t chosen = 0, rejected = 0;
  std::istringstream lines(read("a/rollouts.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    if (row["phase"] != "train" || row["chosen"].is_null()) continue;
    (row["chosen"].get<bool>() ? chosen : rejected) += 1;
  }
  EXPECT_GT(chosen, 0);
  EXPECT_EQ(chosen, rejected);
  EXPECT_EQ(Json::parse(read("a/summary.json"))["pairs"]["trained"], chosen);
}

TEST_F(Onlining, ABatchWithoutAPreferenceMovesNothing) {
  OnlineOptions o = options("a");
  std::ofstream(root_ / "nothing.yaml")
      << "name: nothing\nsystem_prompt: Write.\nparser: {name: text}\nprompt_template: "
         "'{q}'\nanswer: a\nrows: {train: asked.jsonl, held_out: asked.jsonl}\n"
         "rewards:\n  - {verifier: exact, name: exact, weight: 1.0}\n";
  o.env = (root_ / "nothing.yaml").string();
  o.common.eval_steps = 0;
  const Result result = run_member(o);
  EXPECT_EQ(result.state.pairs, 0);
  EXPECT_EQ(result.state.tied_pairs, 4 * 8);
  for (const Json& line : metrics("a")) {
    EXPECT_EQ(line["loss"], 0);
    EXPECT_EQ(line["grad_norm"], 0);
    EXPECT_EQ(line["frac_pairs_tied"], 1);
  }
}

TEST_F(Onlining, ARewardModelRanksAnswers) {
  std::ofstream rows(root_ / "prompts.jsonl");
  for (int i = 0; i < 20; ++i) rows << Json({{"prompt", "say " + std::to_string(i)}}) << "\n";
  rows.close();
  auto judged = [&](const std::string& name) {
    OnlineOptions o = options(name);
    o.env = "";
    o.dataset_name = (root_ / "prompts.jsonl").string();
    o.reward_model_name_or_path = score_model("judge", weights::HeadKind::Sequence);
    return o;
  };
  for (const char* name : kMembers) {
    EXPECT_EQ(run_member(judged(name), name).state.largest_mismatch, 0);
    EXPECT_TRUE(metrics(name)[0].contains("rewards/reward_model/mean"));
    EXPECT_GT(Json::parse(read(std::string(name) + "/summary.json"))["pairs"]["trained"], 20);
    EXPECT_FALSE(std::isnan(last(name, "eval_rewards/reward_model")));
  }
  const double graded = metrics("nash_md")[0]["rewards/probabilities"];
  EXPECT_NE(graded * 16, std::round(graded * 16));  // no mean of eight 0, ½ and 1
  OnlineOptions beside = options("beside");
  beside.reward_model_name_or_path = judged("").reward_model_name_or_path;
  run_member(beside, "nash_md");
  const double ranked = metrics("beside")[0]["rewards/probabilities"];
  EXPECT_EQ(ranked * 16, std::round(ranked * 16));
}

TEST_F(Onlining, WhatCannotJudgeIsRefused) {
  OnlineOptions o = options("a");
  o.reward_model_name_or_path = model_;
  EXPECT_NE(message([&] { run_member(o); }).find("wanted a reward model"), std::string::npos);
  o = options("a");
  o.env = "";
  EXPECT_NE(message([&] { run_member(o); }).find("nothing says what answers are rewarded for"),
            std::string::npos);
}

TEST_F(Onlining, AReferenceThatCannotFollowIsRefused) {
  OnlineOptions o = options("a");
  o.common.use_peft = true;
  o.sync.sync_ref_model = true;
  EXPECT_NE(message([&] { run_member(o); }).find("no copy that could follow"), std::string::npos);
}

}  // namespace

void Onlining::SetUp() {
  Training::SetUp();
  std::ofstream rows(root_ / "asked.jsonl");
  for (int i = 0; i < 64; ++i)
    rows << Json({{"q", "say " + std::to_string(i)}, {"a", "-"}}).dump() << "\n";
  // two parts, so that untrained answers differ in what they earn
  std::ofstream(root_ / "asked.yaml")
      << "name: asked\nsystem_prompt: Write.\nparser: {name: text}\nprompt_template: "
         "'{q}'\nanswer: a\nrows: {train: asked.jsonl, held_out: asked.jsonl}\nrewards:\n"
         "  - {verifier: regex, name: early, weight: 1.0, options: {pattern: '[a-g]'}}\n"
         "  - {verifier: regex, name: middle, weight: 0.5, options: {pattern: '[h-m]'}}\n";
}

OnlineOptions Onlining::options(const std::string& name) const {
  OnlineOptions o;
  o.common = common_options(name);
  o.common.dtype = "float32";
  o.common.learning_rate = 1e-3;
  o.common.per_device_train_batch_size = 8;
  o.common.max_steps = 4;
  o.common.micro_batch_tokens = 200;
  o.common.save_steps = 1;
  o.common.eval_steps = 2;
  o.env = (root_ / "asked.yaml").string();
  o.max_new_tokens = 12;
  o.eval_prompts = 4;
  return o;
}

Result Onlining::run_member(const OnlineOptions& o, const std::string& name,
                            const std::string& yaml, const std::atomic<bool>* interrupted) const {
  const auto loss = algo::named_member(algo::preference_catalogue(), name, yaml);
  return online(o, *loss, setting(name, config::to_yaml(o), interrupted));
}

}  // namespace temper::train
