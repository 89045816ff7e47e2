// The worked numbers of docs/concepts, computed by the members and parts that the pages are about.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "temper/engine/tensor/single_thread.h"
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/conformance.h"
#include "temper/learn/algo/preference_pairs.h"

namespace temper::algo::conformance {
namespace {

std::vector<double> ones(size_t count) {
  return std::vector<double>(count, 1.0);
}

/// The loss of sft on these log-probs, each as often as `times` says.
double surprise(const std::vector<double>& probabilities, const std::vector<int>& times) {
  std::vector<double> logps;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    logps.insert(logps.end(), static_cast<size_t>(times[i]), std::log(probabilities[i]));
  }
  Tokens tokens = shaped({static_cast<int64_t>(logps.size())});
  tokens.logp = column(logps);
  const auto sft = supervised("sft");
  return step([&](const Tokens& t) { return sft->terms(t); }, tokens).loss;
}

TEST(Concept, Probability) {
  const at::Tensor logits = column({1, 2, 3}), logp = at::log_softmax(logits, 0), p = at::exp(logp);
  auto value = [](const at::Tensor& x, int64_t i) { return x[i].item<double>(); };
  Tokens answer = shaped({3});
  answer.logp = column({value(logp, 2), value(logp, 1), value(logp, 2)});
  const double sum = answer_sum(answer.logp, answer)[0].item<double>();
  const double mean = answer_mean(answer.logp, answer)[0].item<double>();
  auto at_temperature = [&](double t) {
    return std::exp(value(at::log_softmax(logits / t, 0), 2));
  };
  expect_page("probability", {{"p_1", value(p, 0)},
                              {"p_2", value(p, 1)},
                              {"p_3", value(p, 2)},
                              {"logp_3", value(logp, 2)},
                              {"sum", sum},
                              {"chance", std::exp(sum)},
                              {"mean", mean},
                              {"perplexity", std::exp(-mean)},
                              {"cold", at_temperature(0.5)},
                              {"warm", at_temperature(2)},
                              {"entropy", -at::sum(p * logp).item<double>()}});
}

TEST(Concept, Expectation) {
  const std::vector<double> rewards = {1, 0, 0.5}, chances = {0.5, 0.3, 0.2},
                            drawn = {1, 0, 1, 0.5};
  const Spread sample = spread(drawn, ones(4));
  expect_page("expectation", {{"expected", spread(rewards, chances).mean},
                              {"mean", sample.mean},
                              {"std", sample.std},
                              {"error", sample.std / std::sqrt(4)}});
}

TEST(Concept, CrossEntropy) {
  const std::vector<int> times = {5, 3, 2};
  const double loss = surprise({.4, .4, .2}, times), least = surprise({.5, .3, .2}, times);
  expect_page("cross_entropy", {{"cross_entropy", loss},
                                {"entropy", least},
                                {"divergence", loss - least},
                                {"perplexity", std::exp(loss)}});
}

/// What drawing answer `y` of two, π = softmax(θ, 0) with θ = ln 3, says about θ under reinforce:
/// minus the slope of its loss.
double say(int64_t y, double advantage) {
  const tensor::SingleThread one_thread;
  const at::Tensor theta = column({std::log(3.0)}).set_requires_grad(true);
  const at::Tensor logp = at::log_softmax(at::cat({theta, column({0})}), 0);
  Tokens one = shaped({1});
  one.logp = logp[y].reshape({1});
  one.advantage = column({advantage});
  divided(policy("reinforce")->terms(one), one, counted(one)).backward();
  return -theta.grad().item<double>();
}

TEST(Concept, PolicyGradient) {
  const std::vector<double> chances = {0.75, 0.25}, rewards = {0, 1};
  std::map<std::string, double> page = {{"exact", -0.75 * 0.25}};
  for (const auto& [name, baseline] : std::map<std::string, double>{
           {"none", 0}, {"mean", spread(rewards, chances).mean}, {"best", 0.75}}) {
    const double first = say(0, rewards[0] - baseline), second = say(1, rewards[1] - baseline);
    const double mean = chances[0] * first + chances[1] * second;
    const double squares = chances[0] * first * first + chances[1] * second * second;
    EXPECT_NEAR(mean, page["exact"], 1e-15) << name;
    page["first_" + name] = first;
    page["second_" + name] = second;
    if (name != "best") page["mean_" + name] = mean;
    page["noise_" + name] = std::sqrt(std::max(0.0, squares - mean * mean));
  }
  expect_page("policy_gradient", page);
}

GroupRewards two_groups(const std::vector<double>& rewards) {
  return {.prompts = 2,
          .samples = 4,
          .rewards = rewards,
          .scored = std::vector<char>(8, 1),
          .lengths = {10, 20, 20, 30, 10, 10, 10, 50}};
}

TEST(Concept, ValueFunction) {
  const GroupRewards groups = two_groups({1, 1, 1, 0, 0, 0, 0, 1});
  const std::vector<double> all = centred(groups, scored_answers(groups));
  const std::vector<double> batch = policy("reinforce")->advantages(groups);
  auto value = [&](size_t begin) {
    return spread(std::span(groups.rewards).subspan(begin, 4), ones(4)).mean;
  };
  expect_page("value_function", {{"value_easy", value(0)},
                                 {"value_hard", value(4)},
                                 {"right_easy", all[0]},
                                 {"wrong_easy", all[3]},
                                 {"right_hard", all[7]},
                                 {"wrong_hard", all[4]},
                                 {"right_batch", batch[0]},
                                 {"wrong_batch", batch[3]}});
}

TEST(Concept, Advantages) {
  const GroupRewards groups = two_groups({1, 0, 0, 0, 1, 1, 1, 0});
  std::map<std::string, double> page;
  for (const auto& [name, member] : std::map<std::string, std::pair<std::string, std::string>>{
           {"group_mean", {"dr_grpo", ""}},
           {"group_std", {"grpo", ""}},
           {"leave_one_out", {"rloo", "beta: 0"}},
           {"batch_mean", {"reinforce", ""}},
           {"batch_std", {"grpo", "scale_rewards: batch"}},
           {"whitening", {"reinforce_pp", ""}},
           {"length_weighted", {"opo", ""}}}) {
    const std::vector<double> all = policy(member.first, member.second)->advantages(groups);
    page[name + "_hard"] = all[0];
    page[name + "_easy"] = all[4];
  }
  expect_page("advantages", page);
}

TEST(Concept, NextWord) {
  const std::vector<int> texts = {4, 6};
  auto reward = [](double right) {
    return spread(std::vector<double>{1, 0}, std::vector<double>{right, 1 - right}).mean;
  };
  expect_page("next_word", {{"loss_mimic", surprise({.4, .6}, texts)},
                            {"loss_right", surprise({.9, .1}, texts)},
                            {"reward_mimic", reward(.4)},
                            {"reward_right", reward(.9)}});
}

TEST(Concept, Comparison) {
  const PairSums pair{.chosen = {.logp = -4, .whole = -6},
                      .rejected = {.logp = -6},
                      .ref_chosen = {.logp = -5},
                      .ref_rejected = {.logp = -5.5},
                      .chosen_tokens = 4,
                      .rejected_tokens = 5,
                      .whole_tokens = 6};
  auto on_pair = [&](const std::string& member, const std::string& options = "") {
    return slopes(*preference_member(member, options), {&pair, 1}, algo::counted({&pair, 1}));
  };
  auto on_group = [](const std::string& member, const std::string& options, size_t answer) {
    return policy(member, options)
        ->advantages(
            {.prompts = 1, .samples = 4, .rewards = {1, 0, 0, 0}, .scored = {1, 1, 1, 1}})[answer];
  };
  const PairSlopes dpo = on_pair("dpo"), ipo = on_pair("dpo", "loss_type: [ipo]"),
                   cpo = on_pair("cpo");
  expect_page(
      "comparison",
      {{"dpo", dpo.loss},
       {"dpo_slope", dpo.slopes[0].chosen.logp},
       {"ipo", ipo.loss},
       {"ipo_slope", ipo.slopes[0].chosen.logp},
       {"orpo", on_pair("orpo").loss},
       {"cpo", cpo.loss},
       {"cpo_slope", cpo.slopes[0].chosen.logp},
       {"simpo", on_pair("cpo", "{loss_type: simpo, cpo_alpha: 0, beta: 2, simpo_gamma: 1}").loss},
       {"grpo_right", on_group("grpo", "", 0)},
       {"grpo_wrong", on_group("grpo", "", 1)},
       {"rloo_right", on_group("rloo", "beta: 0", 0)},
       {"rloo_wrong", on_group("rloo", "beta: 0", 1)}});
}

}  // namespace
}  // namespace temper::algo::conformance
