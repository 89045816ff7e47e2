#include "temper/learn/train/generator.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "temper/foundation/error/error.h"
#include "temper/world/env/rows_environment.h"
#include "temper/world/env/task.h"

namespace temper::train {

Generator::Generator(Run& run, const RolloutOptions& options, const env::Environment& environment,
                     const chat::Renderer& renderer, chat::Speaker& speaker, algo::Against against,
                     evaluate::TokenJudge judge)
    : run_(run),
      options_(options),
      environment_(environment),
      renderer_(renderer),
      speaker_(speaker),
      against_(against),
      judge_(std::move(judge)) {}

chat::SamplingOptions Generator::sampling(const RolloutOptions& o) {
  chat::SamplingOptions sampling;
  sampling.temperature = o.temperature;
  sampling.max_tokens = o.max_completion_length;
  return sampling;
}

std::vector<env::Row> Generator::rows(const PolicyPlan& plan) {
  const uint64_t seed = run_.options().run_seed();
  const int64_t drawn = run_.state().drawn++;
  const int64_t an_epoch = std::max<int64_t>(1, plan.rows / plan.prompts);
  const std::vector<int64_t> order = data::epoch_order(plan.rows, seed, drawn / an_epoch);
  std::vector<env::Row> rows;
  for (int64_t i = 0; i < plan.prompts; ++i) {
    const int64_t at = (drawn % an_epoch * plan.prompts + i) % plan.rows;
    rows.push_back(environment_.row(env::Split::Train, order[static_cast<size_t>(at)], seed));
  }
  return rows;
}

std::vector<evaluate::Rollout> Generator::answers(std::span<const env::Row> rows, int64_t samples,
                                                  double temperature, uint32_t number,
                                                  int64_t first_prompt) {
  chat::SamplingOptions options = sampling(options_);
  options.temperature = temperature;
  return evaluate::roll_out(environment_, rows, renderer_, speaker_,
                            {.samples = samples,
                             .sampling = options,
                             .seed = run_.options().run_seed(),
                             .step = number,
                             .first_prompt = static_cast<uint32_t>(first_prompt),
                             .judge = judge_});
}

algo::GroupRewards Generator::rewards(const std::vector<evaluate::Rollout>& rollouts) const {
  return rewards_of(rollouts, {.limit = options_.max_completion_length,
                               .buffer = options_.overlong_buffer_len,
                               .factor = options_.overlong_penalty_factor});
}

/// Groups of later batches take the places of those without signal, first come, first served; what
/// is left over is filtered too.
void Generator::replace_flat_groups(const PolicyPlan& plan, int64_t number, Generation& g) {
  std::vector<size_t> places;
  const std::vector<char> flat = flat_groups(rewards(g.rollouts));
  for (size_t p = flat.size(); p-- > 0;) {
    if (flat[p]) places.push_back(p);  // the last is filled first
  }
  while (!places.empty() && g.batches < options_.max_num_gen_batches) {
    std::vector<evaluate::Rollout> more =
        answers(rows(plan), plan.samples, options_.temperature, static_cast<uint32_t>(number),
                g.batches++ * plan.prompts);
    const std::vector<char> useless = flat_groups(rewards(more));
    for (size_t p = 0; p < more.size(); ++p) {
      if (!useless[p] && !places.empty()) {
        std::swap(more[p], g.rollouts[places.back()]);
        places.pop_back();
      }
      g.filtered.push_back(std::move(more[p]));
    }
  }
}

void Generator::add_greedy(int64_t number, Generation& g) {
  std::vector<env::Row> rows;
  for (const evaluate::Rollout& rollout : g.rollouts) rows.push_back(rollout.row);
  g.greedy = answers(rows, 1, 0, static_cast<uint32_t>(number), 0);
  const algo::GroupRewards greedy = rewards(g.greedy);
  g.rewards.greedy = greedy.rewards;
  g.rewards.greedy_scored = greedy.scored;
}

Generation Generator::next(const PolicyPlan& plan, int64_t number) {
  Generation g;
  g.rollouts =
      answers(rows(plan), plan.samples, options_.temperature, static_cast<uint32_t>(number), 0);
  if (options_.filter_groups) replace_flat_groups(plan, number, g);
  g.rewards = rewards(g.rollouts);
  if (against_ == algo::Against::Greedy) add_greedy(number, g);
  for (const std::vector<evaluate::Rollout>* some : {&g.rollouts, &g.filtered, &g.greedy}) {
    for (const evaluate::Rollout& rollout : *some) {
      for (const chat::Completion& completion : rollout.completions)
        g.sampled_tokens += static_cast<int64_t>(completion.tokens.size());
    }
  }
  return g;
}

std::unique_ptr<env::Environment> environment_of(const EnvironmentOptions& o) {
  if (o.env.empty() == o.dataset_name.empty()) {
    throw Error({o.env.empty() ? "nothing says what answers are rewarded for"
                               : "both --env and --dataset_name are given",
                 "",
                 "--env NAME, or --dataset_name rows.jsonl with --reward_funcs exact or "
                 "--reward_model_name_or_path"});
  }
  if (o.dataset_name.empty()) {
    if (!o.reward_funcs.empty())
      throw Error({"--reward_funcs judge the rows of --dataset_name, not of an environment",
                   "--env " + o.env, "name the data set, or leave them out"});
    return env::make_environment(o.env, text::parse_json(o.env_args, "--env_args"));
  }
  return env::dataset_environment({.dataset = o.dataset_name,
                                   .names = o.reward_funcs,
                                   .weights = o.reward_weights,
                                   .options = std::make_shared<const Json>(
                                       text::parse_json(o.reward_options, "--reward_options")),
                                   .parser = o.answer_parser,
                                   .judged_elsewhere = !o.reward_model_name_or_path.empty()});
}

}  // namespace temper::train
