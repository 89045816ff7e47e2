#include "temper/learn/algo/conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "temper/engine/tensor/single_thread.h"
#include "temper/learn/algo/named_member.h"

namespace temper::algo::conformance {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Every column of numbers.
std::vector<at::Tensor*> columns(Tokens& t) {
  return {&t.logp,      &t.entropy, &t.old_logp,  &t.behaviour_logp, &t.ref_logp,
          &t.advantage, &t.value,   &t.old_value, &t.value_target};
}

Tokens converted(Tokens t, at::ScalarType type) {
  for (at::Tensor* column : columns(t)) *column = column->to(type);
  return t;
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (double x : values) most = std::max(most, std::abs(x));
  return most;
}

/// The gradients of all tokens, and behind them of all values, when their answers come as these
/// micro-batches.
std::vector<double> accumulated(const Loss& loss, const Tokens& all,
                                const std::vector<std::vector<int64_t>>& micro_batches) {
  std::vector<double> grad(all.logp.numel(), std::nan("")), value_grad;
  for (const std::vector<int64_t>& answers : micro_batches) {
    std::vector<int64_t> places;
    const Tokens some = part(all, answers, &places);
    const Step one = step(loss, some, counted(all));
    if (!one.value_grad.empty()) value_grad.resize(grad.size());
    for (size_t i = 0; i < places.size(); ++i) {
      grad[places[i]] = one.grad[i];
      if (!one.value_grad.empty()) value_grad[places[i]] = one.value_grad[i];
    }
  }
  grad.insert(grad.end(), value_grad.begin(), value_grad.end());
  return grad;
}

void expect_finite_differences(const Loss& loss) {
  const double h = 1e-5;
  const Tokens tokens = sample();
  const Step exact = step(loss, tokens);
  for (int64_t i = 0; i < tokens.logp.numel(); ++i) {
    Tokens moved = tokens;
    double loss_at[2];
    for (int side : {0, 1}) {
      moved.logp = tokens.logp.clone();
      moved.logp[i] += side ? h : -h;
      loss_at[side] = step(loss, moved).loss;
    }
    // h² times a third derivative of order 1.
    EXPECT_NEAR((loss_at[1] - loss_at[0]) / (2 * h), exact.grad[i], 1e-9) << "token " << i;
    if (exact.value_grad.empty()) continue;
    moved.logp = tokens.logp;
    for (int side : {0, 1}) {
      moved.value = tokens.value.clone();
      moved.value[i] += side ? h : -h;
      loss_at[side] = step(loss, moved).critic_loss;
    }
    EXPECT_NEAR((loss_at[1] - loss_at[0]) / (2 * h), exact.value_grad[i], 1e-9) << "value " << i;
  }
}

void expect_invariance(const Loss& loss) {
  const std::vector<std::vector<std::vector<int64_t>>> packings = {
      {{6, 5, 4, 3, 2, 1, 0}}, {{0}, {1}, {2}, {3}, {4}, {5}, {6}}, {{4, 0}, {6, 3, 1, 5}, {2}}};
  for (auto [type, tolerance] : {std::pair{at::kDouble, 1e-12}, std::pair{at::kFloat, 1e-5}}) {
    const Tokens all = converted(sample(), type);
    const std::vector<double> together = accumulated(loss, all, {{0, 1, 2, 3, 4, 5, 6}});
    for (const auto& packing : packings) {
      const std::vector<double> apart = accumulated(loss, all, packing);
      for (size_t i = 0; i < apart.size(); ++i) {
        EXPECT_NEAR(apart[i], together[i], tolerance * largest(together)) << "token " << i;
      }
    }
  }
}

void expect_guards(const Loss& loss) {
  for (const std::vector<int64_t>& lengths : {std::vector<int64_t>{}, {0}, {0, 0}}) {
    Tokens none = shaped(lengths);
    for (at::Tensor* empty : columns(none)) *empty = column({});
    EXPECT_EQ(step(loss, none).loss, 0);
  }
  std::vector<int64_t> places;
  const Tokens one = part(sample(), {1}, &places);
  ASSERT_EQ(places.size(), 1u);
  EXPECT_TRUE(std::isfinite(step(loss, one).loss));
  EXPECT_TRUE(std::isfinite(step(loss, one).grad[0]));

  // A broken token shows in the loss and leaves other answers as they are, in both widths.
  for (at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Tokens whole = converted(sample(), type);
    const Step good = step(loss, whole);
    for (double broken : {-kInfinity, std::nan(""), 500.0, -500.0}) {
      Tokens tokens = whole;
      tokens.logp = tokens.logp.clone();
      tokens.logp[0] = broken;
      const Step bad = step(loss, tokens);
      EXPECT_EQ(std::isnan(bad.loss), std::isnan(broken)) << broken;
      const int64_t own = at::sum(whole.answer == whole.answer[0]).item<int64_t>();
      for (size_t i = own; i < bad.grad.size(); ++i) EXPECT_EQ(bad.grad[i], good.grad[i]);
      if (std::isnan(broken)) continue;
      for (int64_t i = 0; i < own; ++i) EXPECT_TRUE(std::isfinite(bad.grad[i])) << broken;
    }
  }
}

}  // namespace

std::unique_ptr<SupervisedLoss> supervised(const std::string& name, const std::string& yaml) {
  return named_member(supervised_catalogue(), name, yaml);
}
std::unique_ptr<PolicyLoss> policy(const std::string& name, const std::string& yaml) {
  return named_member(policy_catalogue(), name, yaml);
}

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

Tokens shaped(const std::vector<int64_t>& lengths) {
  std::vector<int64_t> answer;
  for (size_t i = 0; i < lengths.size(); ++i) answer.insert(answer.end(), lengths[i], i);
  Tokens tokens;
  tokens.answer = at::tensor(answer, at::kLong);
  tokens.answers = static_cast<int64_t>(lengths.size());
  tokens.max_completion_length = 8;
  return tokens;
}

Tokens sample() {
  Tokens tokens = shaped({5, 1, 3, 0, 4, 2, 3});
  const int64_t n = tokens.answer.numel();
  const std::vector<double> advantages = {1.25, -0.75, 0.5, 1, -1.5, 0.75, -0.25};
  std::vector<double> old, now, ref, sampled, entropy, advantage, before, value, target;
  for (int64_t i = 0; i < n; ++i) {
    old.push_back(-2 + 1.9 * std::sin(3.1 * i + 1));
    now.push_back(old[i] + 0.6 * std::sin(1.7 * i));
    ref.push_back(now[i] + 0.4 * std::cos(2.3 * i));
    sampled.push_back(old[i] + 0.01 * std::sin(5.3 * i));
    entropy.push_back(1 + 0.5 * std::sin(0.7 * i));
    advantage.push_back(advantages[tokens.answer[i].item<int64_t>()]);
    before.push_back(0.5 * std::sin(2.9 * i));
    value.push_back(before[i] + 0.4 * std::cos(1.3 * i));
    target.push_back(std::cos(0.9 * i));
  }
  tokens.logp = column(now);
  tokens.old_logp = column(old);
  tokens.ref_logp = column(ref);
  tokens.behaviour_logp = column(sampled);
  tokens.entropy = column(entropy);
  tokens.advantage = column(advantage);
  tokens.old_value = column(before);
  tokens.value = column(value);
  tokens.value_target = column(target);
  return tokens;
}

Tokens part(const Tokens& all, const std::vector<int64_t>& answers, std::vector<int64_t>* places) {
  places->clear();
  std::vector<int64_t> lengths;
  for (int64_t answer : answers) {
    const size_t before = places->size();
    for (int64_t i = 0; i < all.answer.numel(); ++i) {
      if (all.answer[i].item<int64_t>() == answer) places->push_back(i);
    }
    lengths.push_back(static_cast<int64_t>(places->size() - before));
  }
  Tokens some = shaped(lengths);
  const at::Tensor index = at::tensor(*places, at::kLong);
  Tokens whole = all;
  const std::vector<at::Tensor*> from = columns(whole), to = columns(some);
  for (size_t i = 0; i < from.size(); ++i) {
    if (from[i]->defined()) *to[i] = at::index_select(*from[i], 0, index);
  }
  return some;
}

Denominators counted(const Tokens& tokens) {
  return {.tokens = tokens.answer.numel(), .answers = tokens.answers};
}

Step step(const Loss& loss, Tokens tokens, const Denominators& whole) {
  const tensor::SingleThread one_thread;
  tokens.logp = tokens.logp.detach().clone().set_requires_grad(true);
  if (tokens.value.defined()) tokens.value = tokens.value.detach().clone().set_requires_grad(true);
  Terms terms = loss(tokens);
  const at::Tensor total = divided(terms, tokens, whole);
  const at::Tensor critic = critic_divided(terms, tokens, whole);
  (total + critic).backward();
  const bool has_critic = terms.critic.defined();
  return {total.item<double>(), critic.item<double>(), metric("", tokens.logp.grad()).values,
          has_critic ? metric("", tokens.value.grad()).values : std::vector<double>(),
          std::move(terms)};
}
Step step(const Loss& loss, const Tokens& tokens) {
  return step(loss, tokens, counted(tokens));
}

double folded(const Terms& terms, const std::string& name) {
  for (const Metric& metric : terms.metrics) {
    if (metric.name != name) continue;
    const auto [least, largest] = std::minmax_element(metric.values.begin(), metric.values.end());
    if (metric.fold == Fold::Least) return *least;
    if (metric.fold == Fold::Largest) return *largest;
    double total = 0;
    for (double x : metric.values) total += x;
    return total / static_cast<double>(metric.values.size());
  }
  throw std::runtime_error("no metric " + name);
}

void expect_conforms(const Loss& loss) {
  expect_finite_differences(loss);
  expect_conforms_but_for_differences(loss);
}
void expect_conforms_but_for_differences(const Loss& loss) {
  expect_invariance(loss);
  expect_guards(loss);
}

void expect_page(const std::string& member, const std::map<std::string, double>& computed) {
  std::ifstream page(SOURCE_DIR "/docs/algorithms/" + member + ".md");
  if (!page) page.open(SOURCE_DIR "/docs/concepts/" + member + ".md");
  ASSERT_TRUE(page) << "docs/algorithms/" << member << ".md is missing";
  std::map<std::string, double> left = computed;
  std::string line;
  while (std::getline(page, line)) {
    const std::string mark = "assert: ";
    if (line.rfind(mark, 0) != 0) continue;
    const size_t equals = line.find(" = ");
    ASSERT_NE(equals, std::string::npos) << line;
    const std::string name = line.substr(mark.size(), equals - mark.size());
    const std::string value = line.substr(equals + 3, line.find(' ', equals + 3) - equals - 3);
    ASSERT_TRUE(left.count(name)) << name << " is on the page and not computed, or stands twice";
    const size_t point = value.find('.');
    const double digits = point == std::string::npos ? 0 : value.size() - point - 1.0;
    EXPECT_NEAR(std::stod(value), left[name], 0.501 * std::pow(10, -digits)) << name;
    left.erase(name);
  }
  for (const auto& [name, value] : left) ADD_FAILURE() << name << " is not on the page";
}

TEST(Supervised, EveryMemberConforms) {
  for (const NamedSupervised& named : supervised_catalogue()) {
    SCOPED_TRACE(named.name);
    const auto member = supervised(std::string(named.name));
    // terms of a divergence alone: it stands where log-probs stand
    const bool apart = member->divergence().has_value();
    expect_conforms([&](Tokens t) {
      if (apart) t.divergence = t.logp;
      return member->terms(t);
    });
  }
}

TEST(Policy, EveryMemberConforms) {
  for (const NamedPolicy& named : policy_catalogue()) {
    SCOPED_TRACE(named.name);
    const auto member = policy(std::string(named.name));
    expect_conforms([&](const Tokens& t) { return member->terms(t); });
  }
}

/// Answers of lengths 1, 2, … that stand where the reference stands.
GroupRewards on_reference(int64_t prompts, int64_t samples, const std::vector<double>& rewards,
                          const std::vector<char>& scored) {
  GroupRewards groups{.prompts = prompts, .samples = samples, .rewards = rewards, .scored = scored};
  for (size_t i = 0; i < rewards.size(); ++i) groups.lengths.push_back(static_cast<double>(i + 1));
  groups.greedy.assign(static_cast<size_t>(prompts), 0.1f);
  groups.greedy_scored.assign(static_cast<size_t>(prompts), 1);
  groups.log_ratios.assign(rewards.size(), 0.0);
  for (size_t i = 0; i < rewards.size(); ++i) {
    groups.logp.emplace_back(i + 1, -1.0f);
    groups.values.emplace_back(i + 2, 0.1f);
  }
  groups.ref_logp = groups.logp;
  groups.ended.assign(rewards.size(), 1);
  return groups;
}

TEST(Policy, EqualRewardsGiveNoGradient) {
  for (const NamedPolicy& named : policy_catalogue()) {
    SCOPED_TRACE(named.name);
    const auto member = policy(std::string(named.name));
    // 0.1 has no exact mean, nor has its float; the third group has a failed verifier; the fourth
    // is a prompt alone.
    const double r = 0.1f;
    const bool batch = named.member->against != Against::Group;
    const std::vector<double> rewards =
        batch ? std::vector<double>{r, r, r, r, r, r, r, 99, r, 5, 5, r}
              : std::vector<double>{0.1, 0.1, 0.1, -2, -2, -2, 0.7, 99, 0.7, 5, 5, 1.6};
    const GroupRewards groups = on_reference(4, 3, rewards, {1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1});
    for (double advantage : member->advantages(groups)) EXPECT_EQ(advantage, 0);
    Tokens tokens = sample();
    tokens.advantage = at::zeros_like(tokens.logp);
    tokens.ref_logp = tokens.logp;
    const Step flat = step([&](const Tokens& t) { return member->terms(t); }, tokens);
    for (double slope : flat.grad) EXPECT_EQ(slope, 0);
    const Credit credit = member->credit(groups);
    for (size_t i = 0; i < credit.token.size(); ++i) {
      for (float advantage : credit.token[i]) EXPECT_EQ(advantage, 0);
      for (float target : credit.value_target[i]) EXPECT_EQ(target, 0.1f);
    }
  }
}

TEST(Policy, FailedVerifiersStayOutOfTheStatistics) {
  for (const NamedPolicy& named : policy_catalogue()) {
    SCOPED_TRACE(named.name);
    const auto member = policy(std::string(named.name));
    auto advantages = [&](double failed) {
      return member->advantages(on_reference(1, 4, {1, failed, 0, 0.5}, {1, 0, 1, 1}));
    };
    EXPECT_EQ(advantages(0), advantages(std::nan("")));
    EXPECT_EQ(advantages(0)[1], 0);
    EXPECT_GT(advantages(0)[0], 0);
  }
}

TEST(Policy, AScoredRewardThatIsNotANumberIsNamed) {
  const auto member = policy("grpo");
  try {
    member->advantages({.prompts = 1, .samples = 2, .rewards = {0, kInfinity}, .scored = {1, 1}});
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_STREQ(error.what(),
                 "a scored reward must be a finite number, got inf\n"
                 "  where: prompt 0, answer 1\n"
                 "  try:   let the verifier report the outcome 'unscorable' instead");
  }
}

TEST(Divided, TakesEveryUnitOverTheWholeBatch) {
  const Tokens tokens = [] {
    Tokens t = shaped({1, 3});
    t.logp = column({-2, -0.5, -0.5, -0.5});
    return t;
  }();
  auto loss = [&](Per per, double constant) {
    return step(
               [&](const Tokens& t) -> Terms {
                 return {-t.logp, per, constant, {}};
               },
               tokens, {.tokens = 8, .answers = 4})
        .loss;
  };
  EXPECT_DOUBLE_EQ(loss(Per::Token, 1), 3.5 / 8);
  EXPECT_DOUBLE_EQ(loss(Per::AnswerMean, 1), 2.5 / 4);
  EXPECT_DOUBLE_EQ(loss(Per::AnswerSum, 1), 3.5 / 4);
  EXPECT_DOUBLE_EQ(loss(Per::Constant, 10), 3.5 / 40);
}

}  // namespace temper::algo::conformance
