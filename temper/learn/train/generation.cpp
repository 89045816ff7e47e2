#include "temper/learn/train/generation.h"

#include <algorithm>

#include "temper/foundation/statistics/statistics.h"

namespace temper::train {
namespace {

using statistics::Moments;
using statistics::moments;

/// The scored rewards among the answers begin … end.
std::vector<double> scored(const algo::GroupRewards& rewards, size_t begin, size_t end) {
  std::vector<double> some;
  for (size_t i = begin; i < end; ++i) {
    if (rewards.scored[i]) some.push_back(rewards.rewards[i]);
  }
  return some;
}

void add_rewards(const Generation& g, Figures& figures) {
  const Moments all = moments(scored(g.rewards, 0, g.rewards.rewards.size()));
  figures.push_back({"reward", all.mean});
  figures.push_back({"reward_std", all.deviation});
  const std::vector<char> flat = flat_groups(g.rewards);
  figures.push_back(
      {"frac_reward_zero_std", static_cast<double>(std::count(flat.begin(), flat.end(), 1)) /
                                   static_cast<double>(g.rewards.prompts)});
  if (!g.greedy.empty()) figures.push_back({"greedy_reward", moments(g.rewards.greedy).mean});
}

void add_parts(const Generation& g, Figures& figures) {
  if (g.rollouts.empty() || g.rollouts[0].verdicts.empty()) return;
  const std::vector<reward::PartScore>& named = g.rollouts[0].verdicts[0].parts;
  for (size_t p = 0; p < g.rewards.parts.size(); ++p) {
    const algo::RewardPart& part = g.rewards.parts[p];
    std::vector<double> values;
    for (size_t i = 0; i < part.values.size(); ++i) {
      if (part.scored[i]) values.push_back(part.values[i]);
    }
    const std::string name = p < named.size() ? named[p].name : "overlong";
    const Moments scores = moments(values);
    figures.push_back({"rewards/" + name + "/mean", scores.mean});
    figures.push_back({"rewards/" + name + "/std", scores.deviation});
  }
}

void add_lengths(const Generation& g, Figures& figures) {
  std::vector<double> all, ended;
  for (const evaluate::Rollout& rollout : g.rollouts) {
    for (const chat::Completion& completion : rollout.completions) {
      all.push_back(static_cast<double>(completion.tokens.size()));
      if (completion.finish == chat::Finish::Stop) ended.push_back(all.back());
    }
  }
  auto add = [&](const std::string& name, const std::vector<double>& values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    figures.push_back({"completions/mean_" + name, moments(values).mean});
    figures.push_back({"completions/min_" + name, values.empty() ? 0 : *least});
    figures.push_back({"completions/max_" + name, values.empty() ? 0 : *most});
  };
  add("length", all);
  add("terminated_length", ended);
  figures.push_back(
      {"completions/clipped_ratio", 1 - static_cast<double>(ended.size()) /
                                            std::max<double>(1, static_cast<double>(all.size()))});
}

}  // namespace

std::vector<char> flat_groups(const algo::GroupRewards& rewards) {
  std::vector<char> flat;
  const auto samples = static_cast<size_t>(rewards.samples);
  for (size_t begin = 0; begin < rewards.rewards.size(); begin += samples)
    flat.push_back(moments(scored(rewards, begin, begin + samples)).deviation < 1e-12 ? 1 : 0);
  return flat;
}

algo::GroupRewards rewards_of(const std::vector<evaluate::Rollout>& rollouts,
                              const algo::Overlong& overlong) {
  algo::GroupRewards all{
      .prompts = static_cast<int64_t>(rollouts.size()), .samples = 0, .rewards = {}, .scored = {}};
  for (const evaluate::Rollout& rollout : rollouts) {
    all.samples = static_cast<int64_t>(rollout.verdicts.size());
    for (size_t s = 0; s < rollout.verdicts.size(); ++s) {
      const reward::Verdict& verdict = rollout.verdicts[s];
      const bool scored = verdict.outcome == reward::Outcome::Scored;
      all.rewards.push_back(scored ? verdict.reward : 0);
      all.scored.push_back(scored ? 1 : 0);
      all.parts.resize(verdict.parts.size() + (overlong.buffer > 0 ? 1 : 0));
      for (size_t part = 0; part < verdict.parts.size(); ++part) {
        const reward::PartScore& judged = verdict.parts[part];
        const bool counts = judged.score.outcome == reward::Outcome::Scored;
        all.parts[part].weight = judged.weight;
        all.parts[part].values.push_back(counts ? judged.score.value : 0);
        all.parts[part].scored.push_back(counts ? 1 : 0);
      }
      if (overlong.buffer == 0) continue;
      const double lost =
          overlong.punishment(static_cast<int64_t>(rollout.completions[s].tokens.size()));
      all.parts.back().weight = overlong.factor;
      all.parts.back().values.push_back(lost);
      all.parts.back().scored.push_back(1);
      if (scored) all.rewards.back() += overlong.factor * lost;
    }
  }
  return all;
}

bool is_trained(const chat::Completion& answer, Truncated truncated) {
  return truncated == Truncated::Trained || answer.finish != chat::Finish::Length;
}

std::vector<batch::Group> groups_of(const Generation& g, Truncated truncated) {
  std::vector<batch::Group> groups;
  int64_t id = 0;
  for (const evaluate::Rollout& rollout : g.rollouts) {
    batch::Group group{.prompt = rollout.prompt, .answers = {}};
    for (const chat::Completion& said : rollout.completions) {
      const uint8_t trained = is_trained(said, truncated) ? 1 : 0;
      group.answers.push_back(
          {said.tokens, std::vector<uint8_t>(said.tokens.size(), trained), id++});
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

step::ByAnswer sampled_logp(const Generation& g) {
  step::ByAnswer all;
  for (const evaluate::Rollout& rollout : g.rollouts) {
    for (const chat::Completion& said : rollout.completions) all.push_back(said.logp);
  }
  return all;
}

step::ByAnswer token_advantages(const Generation& g) {
  if (!g.credit.token.empty()) return g.credit.token;
  step::ByAnswer all;
  for (const evaluate::Rollout& rollout : g.rollouts) {
    for (const chat::Completion& completion : rollout.completions)
      all.emplace_back(completion.tokens.size(), static_cast<float>(g.credit.answer[all.size()]));
  }
  return all;
}

Figures figures_of(const Generation& generation) {
  Figures figures;
  add_rewards(generation, figures);
  add_parts(generation, figures);
  add_lengths(generation, figures);
  for (const algo::Metric& metric : generation.credit.metrics)
    figures.push_back({metric.name, moments(metric.values).mean});
  return figures;
}

}  // namespace temper::train
