#include "temper/learn/train/generation.h"

#include <algorithm>

#include "temper/foundation/statistics/statistics.h"

namespace temper::train {
namespace {

using statistics::Moments;
using statistics::moments;

void add_rewards(const Generation& g, Figures& figures) {
  std::vector<double> scored;
  int64_t flat = 0;  // groups that teach nothing
  for (int64_t p = 0; p < g.rewards.prompts; ++p) {
    std::vector<double> group;
    for (int64_t s = 0; s < g.rewards.samples; ++s) {
      const size_t i = static_cast<size_t>(p * g.rewards.samples + s);
      if (g.rewards.scored[i]) group.push_back(g.rewards.rewards[i]);
    }
    flat += moments(group).deviation < 1e-12 ? 1 : 0;
    scored.insert(scored.end(), group.begin(), group.end());
  }
  const Moments all = moments(scored);
  figures.push_back({"reward", all.mean});
  figures.push_back({"reward_std", all.deviation});
  figures.push_back(
      {"frac_reward_zero_std", static_cast<double>(flat) / static_cast<double>(g.rewards.prompts)});
}

void add_parts(const Generation& g, Figures& figures) {
  if (g.rollouts.empty() || g.rollouts[0].verdicts.empty()) return;
  for (size_t part = 0; part < g.rollouts[0].verdicts[0].parts.size(); ++part) {
    std::vector<double> values;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const reward::Verdict& verdict : rollout.verdicts) {
        if (verdict.parts[part].score.outcome == reward::Outcome::Scored) {
          values.push_back(verdict.parts[part].score.value);
        }
      }
    }
    const std::string& name = g.rollouts[0].verdicts[0].parts[part].name;
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

algo::GroupRewards rewards_of(const std::vector<evaluate::Rollout>& rollouts) {
  algo::GroupRewards all{
      .prompts = static_cast<int64_t>(rollouts.size()), .samples = 0, .rewards = {}, .scored = {}};
  for (const evaluate::Rollout& rollout : rollouts) {
    all.samples = static_cast<int64_t>(rollout.verdicts.size());
    for (const reward::Verdict& verdict : rollout.verdicts) {
      const bool scored = verdict.outcome == reward::Outcome::Scored;
      all.rewards.push_back(scored ? verdict.reward : 0);
      all.scored.push_back(scored ? 1 : 0);
    }
  }
  return all;
}

Figures figures_of(const Generation& generation) {
  Figures figures;
  add_rewards(generation, figures);
  add_parts(generation, figures);
  add_lengths(generation, figures);
  return figures;
}

}  // namespace temper::train
