#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "temper/foundation/error/error.h"
#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/gae.h"

namespace temper::algo::conformance {
namespace {

using Lists = std::vector<std::vector<float>>;

Lists floats(const std::vector<std::vector<double>>& lists) {
  Lists all;
  for (const auto& list : lists) all.emplace_back(list.begin(), list.end());
  return all;
}

std::vector<double> flat(const Lists& lists) {
  std::vector<double> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// Answers one a prompt, at the reference; `values` with one behind the last token.
GroupRewards answers(const std::vector<double>& rewards, const Lists& values) {
  GroupRewards g{.prompts = std::ssize(rewards),
                 .samples = 1,
                 .rewards = rewards,
                 .scored = std::vector<char>(rewards.size(), 1)};
  for (const auto& of_answer : values) {
    g.lengths.push_back(static_cast<double>(of_answer.size() - 1));
    g.logp.emplace_back(of_answer.size() - 1, -1.0f);
  }
  g.ref_logp = g.logp;
  g.values = values;
  g.ended.assign(rewards.size(), 1);
  return g;
}

double folded(const Credit& credit, const std::string& name) {
  Terms terms;
  terms.metrics = credit.metrics;
  return conformance::folded(terms, name);
}

TEST(Ppo, CreditEqualsTrlAndVerl) {
  const Json golden = recorded("ppo"), rows = golden["rows"];
  const std::vector<size_t> lengths = rows["lengths"];
  Lists values = floats(listed(rows["values"], lengths));
  for (auto& of_answer : values) of_answer.push_back(0);
  GroupRewards g = answers(rows["scores"], values);
  g.logp = floats(listed(rows["logp"], lengths));
  g.ref_logp = floats(listed(rows["ref_logp"], lengths));
  for (const Json& theirs : golden["estimates"]) {
    SCOPED_TRACE(theirs["options"].dump());
    const Credit ours = policy("ppo", yaml(theirs["options"]))->credit(g);
    // Log-probs, values and advantages of tokens are float32; gae_test.cpp compares in float64.
    expect_equal(flat(ours.token), theirs["advantages"], 2e-6);
    expect_equal(flat(ours.value_target), theirs["returns"], 2e-6);
    if (!theirs.contains("objective/kl")) continue;
    for (const char* name : {"objective/kl", "objective/entropy", "objective/non_score_reward"})
      EXPECT_NEAR(folded(ours, name), theirs[name].get<double>(), 2e-6) << name;
  }
}

Tokens recorded_steps(const Json& golden) {
  const Json& rows = golden["steps"];
  Tokens t = shaped(golden["rows"]["lengths"]);
  t.logp = column(rows["logp"]);
  t.old_logp = column(rows["old_logp"]);
  t.entropy = at::zeros_like(t.logp);
  t.advantage = column(rows["advantages"]);
  t.value = column(rows["values"]);
  t.old_value = column(rows["old_values"]);
  t.value_target = column(rows["returns"]);
  return t;
}

TEST(Ppo, LossesEqualTrlAndVerl) {
  const Json golden = recorded("ppo");
  EXPECT_EQ(golden["losses"].size(), 4u);
  for (const Json& theirs : golden["losses"]) {
    SCOPED_TRACE(theirs["options"].dump());
    const double weight = theirs["options"].value("vf_coef", 0.1);
    const Step ours = step(policy_loss("ppo", yaml(theirs["options"])), recorded_steps(golden));
    EXPECT_NEAR(ours.loss, theirs["policy_loss"].get<double>(), 1e-12);
    EXPECT_NEAR(ours.critic_loss, weight * theirs["value_loss"].get<double>(), 1e-12);
    EXPECT_NEAR(conformance::folded(ours.terms, "loss/value_avg"),
                theirs["value_loss"].get<double>(), 1e-12);
    expect_equal(ours.grad, theirs["grad"]);
    expect_equal(ours.value_grad, theirs["value_grad"]);
    for (const char* name : {"policy/clipfrac_avg", "val/clipfrac_avg"}) {
      // verl counts the one, TRL both, in float32.
      if (!theirs.contains(name)) continue;
      EXPECT_NEAR(conformance::folded(ours.terms, name), theirs[name].get<double>(), 1e-7);
    }
  }
}

TEST(Ppo, ItsPartsConform) {
  for (const char* options : {"delta: 1.1", "{cliprange: 0.05, cliprange_value: 0.05, vf_coef: 2}"})
    expect_conforms(policy_loss("ppo", options));
}

TEST(Ppo, AnAnswerThatWasCutGoesOnAtTheCriticsValue) {
  GroupRewards g = answers({1, 0}, {{0.5f, 0.5f, 0.25f}, {0.5f, 0.25f}});
  g.ended = {0, 1};
  const Credit on = policy("ppo")->credit(g);
  EXPECT_FLOAT_EQ(on.value_target[0][1], 1.25f);  // 1 + 0.25
  EXPECT_FLOAT_EQ(on.value_target[1][0], 0);
  const Credit off = policy("ppo", "bootstrap_truncated: false")->credit(g);
  EXPECT_FLOAT_EQ(off.value_target[0][1], 1);
  EXPECT_EQ(folded(on, "val/num_eos_tokens"), 1);
}

TEST(Ppo, AMissingEndCosts) {
  GroupRewards g = answers({1, 1}, {{0, 0}, {0, 0}});
  g.ended = {0, 1};
  const Credit credit = policy("ppo", "missing_eos_penalty: 0.75")->credit(g);
  EXPECT_FLOAT_EQ(credit.value_target[0][0], 0.25f);
  EXPECT_FLOAT_EQ(credit.value_target[1][0], 1);
  EXPECT_DOUBLE_EQ(folded(credit, "objective/scores"), 0.625);
}

TEST(Ppo, AnAnswerThatTeachesNothingLeavesTheCriticWhereItIs) {
  GroupRewards g = answers({1, 99, 0, 7}, {{0.5f, 0}, {0.5f, 0.25f, 0}, {0.25f, 0}, {0.5f, 0}});
  g.scored[1] = 0;
  g.lengths[3] = 0;  // masked
  const Credit credit = policy("ppo")->credit(g);
  EXPECT_EQ(credit.token[1], (std::vector<float>{0, 0}));
  EXPECT_EQ(credit.value_target[1], (std::vector<float>{0.5f, 0.25f}));
  EXPECT_EQ(credit.token[3], (std::vector<float>{0}));
  EXPECT_EQ(credit.answer[1], 0);
  EXPECT_DOUBLE_EQ(folded(credit, "objective/scores"), 0.5);
}

TEST(Ppo, RewardsAreNormalisedByAllSoFarThenHeld) {
  const auto member = policy("ppo", "{normalize_rewards: mean_std, reward_clip_range: [-1, 1]}");
  GroupRewards g = answers({0, 4, 2, 2}, {{0, 0}, {0, 0}, {0, 0}, {0, 0}});
  const Credit first = member->credit(g);
  EXPECT_EQ(first.carried.rewards.count, 4);
  // mean 2, std √(8/3): ±1.22, held to ±1
  EXPECT_EQ(first.value_target, (Lists{{-1}, {1}, {0}, {0}}));
  g.carried = first.carried;
  g.rewards = {2, 2, 2, 2};
  EXPECT_EQ(member->credit(g).carried.rewards.count, 8);
  const auto member_std = policy("ppo", "normalize_rewards: std");
  const Credit equal = member_std->credit(answers({3, 3}, {{0, 0}, {0, 0}}));
  EXPECT_EQ(equal.value_target, (Lists{{3}, {3}}));  // no scale yet
}

TEST(Ppo, ThePriceFollowsTheKl) {
  GroupRewards g = answers({1, 0}, {{0, 0, 0}, {0, 0}});
  g.ref_logp = {{-1.5f, -1.25f}, {-1.25f}};  // k1 0.5, 0.25; 0.25: means 0.375 and 0.25
  const auto member = policy("ppo", "{kl_target: 0.1, kl_horizon: 100}");
  const Credit first = member->credit(g);
  EXPECT_DOUBLE_EQ(*first.carried.kl_coef, 0.05 * (1 + 0.2 * 2 / 100));
  EXPECT_DOUBLE_EQ(folded(first, "objective/kl_coef"), 0.05);
  EXPECT_DOUBLE_EQ(folded(first, "objective/kl"), 0.5);
  g.carried = first.carried;
  EXPECT_DOUBLE_EQ(folded(member->credit(g), "objective/kl_coef"), 0.05 * 1.004);
}

TEST(Ppo, OptionsThatContradictEachOtherAreRefused) {
  const GroupRewards g = answers({1}, {{0, 0}});
  for (const auto& [options, said] : std::map<std::string, std::string>{
           {"{kl_target: 0.1, kl_coef: 0}", "kl_target moves kl_coef, which is 0"},
           {"reward_clip_range: [1, -1]", "reward_clip_range wants two numbers"}}) {
    try {
      policy("ppo", options)->credit(g);
      FAIL() << options;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
    }
  }
}

TEST(Ppo, WorkedExample) {
  GroupRewards g = answers({1, 0}, {{0.2f, 0.5f, 0.4f, 0}, {0.3f, 0.1f, 0.4f}});
  const auto free = policy("ppo", "kl_coef: 0");
  const Credit plain = free->credit(g);
  GroupRewards priced = g;
  priced.logp = {{-1, -1, -1}, {-1, -1}};
  priced.ref_logp = {{-1.2f, -0.9f, -1.3f}, {-1, -1}};
  const Credit price = policy("ppo")->credit(priced);
  GroupRewards open = g;
  open.ended[1] = 0;

  auto one = [](double log_ratio, double advantage, const std::string& options = "") {
    Tokens t = shaped({1});
    t.old_logp = column({-2});
    t.logp = column({-2 + log_ratio});
    t.entropy = column({0});
    t.advantage = column({advantage});
    t.value = t.old_value = t.value_target = column({0});
    return step(policy_loss("ppo", options), t);
  };
  auto critic = [](double value) {
    Tokens t = shaped({1});
    t.old_logp = t.logp = column({-2});
    t.entropy = t.advantage = column({0});
    t.value = column({value});
    t.old_value = column({0.1});
    t.value_target = column({1});
    return step(policy_loss("ppo"), t);
  };
  const std::vector<double> values = {0.2, 0.5, 0.4, 0}, rewards = {0, 0, 1};
  const TokenAdvantages exact = gae(rewards, values, {});
  expect_page("ppo", {{"advantage_1", exact.advantage[0]},
                      {"advantage_2", exact.advantage[1]},
                      {"advantage_3", exact.advantage[2]},
                      {"return_1", exact.target[0]},
                      {"return_2", exact.target[1]},
                      {"return_3", exact.target[2]},
                      {"white_1", plain.token[0][0]},
                      {"white_2", plain.token[0][1]},
                      {"white_3", plain.token[0][2]},
                      {"white_4", plain.token[1][0]},
                      {"white_5", plain.token[1][1]},
                      {"return_priced", price.value_target[0][2]},
                      {"return_cut", free->credit(open).value_target[1][1]},
                      {"good", one(0.3, 0.5).loss},
                      {"good_slope", one(0.3, 0.5).grad[0]},
                      {"bad", one(0.3, -0.5).loss},
                      {"bad_slope", one(0.3, -0.5).grad[0]},
                      {"far", one(1.5, -0.5).loss},
                      {"far_held", one(1.5, -0.5, "delta: 3").loss},
                      {"critic_far", critic(0.5).critic_loss},
                      {"critic_far_slope", critic(0.5).value_grad[0]},
                      {"critic_near", critic(0.05).critic_loss},
                      {"critic_near_slope", critic(0.05).value_grad[0]},
                      {"kl_coef", KlControl{0.1, 100}.next(0.05, 0.11, 16)}});
}

}  // namespace
}  // namespace temper::algo::conformance
