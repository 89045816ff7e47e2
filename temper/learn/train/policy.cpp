#include "temper/learn/train/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/sampler.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/world/env/task.h"

namespace temper::train {
namespace {

using Figures = std::vector<std::pair<std::string, double>>;

chat::SamplingOptions sampling_of(const RolloutOptions& o) {
  chat::SamplingOptions sampling;
  sampling.temperature = o.temperature;
  sampling.max_tokens = o.max_completion_length;
  return sampling;
}

/// One generation batch: rollouts, their rewards and advantages.
struct Generation {
  std::vector<evaluate::Rollout> rollouts;
  algo::GroupRewards rewards;
  std::vector<double> advantages;  // [P · G]
  int64_t sampled_tokens = 0;
};

/// Mean and standard deviation (n - 1).
std::pair<double, double> moments(const std::vector<double>& values) {
  if (values.empty()) return {0, 0};
  const double n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (double value : values) mean += value / n;
  for (double value : values) squares += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(squares / (n - 1)) : 0};
}

void add_rewards(const Generation& g, Figures& figures) {
  std::vector<double> scored, stds;
  int64_t flat = 0;
  for (int64_t p = 0; p < g.rewards.prompts; ++p) {
    std::vector<double> group;
    for (int64_t s = 0; s < g.rewards.samples; ++s) {
      const size_t i = static_cast<size_t>(p * g.rewards.samples + s);
      if (g.rewards.scored[i]) group.push_back(g.rewards.rewards[i]);
    }
    stds.push_back(moments(group).second);
    flat += stds.back() < 1e-12 ? 1 : 0;
    scored.insert(scored.end(), group.begin(), group.end());
  }
  figures.push_back({"reward", moments(scored).first});
  figures.push_back({"reward_std", moments(stds).first});
  figures.push_back(
      {"frac_reward_zero_std", static_cast<double>(flat) / static_cast<double>(g.rewards.prompts)});
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
    figures.push_back({"rewards/" + name + "/mean", moments(values).first});
    figures.push_back({"rewards/" + name + "/std", moments(values).second});
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
    figures.push_back({"completions/mean_" + name, moments(values).first});
    figures.push_back({"completions/min_" + name, values.empty() ? 0 : *least});
    figures.push_back({"completions/max_" + name, values.empty() ? 0 : *most});
  };
  add("length", all);
  add("terminated_length", ended);
  figures.push_back(
      {"completions/clipped_ratio", 1 - static_cast<double>(ended.size()) /
                                            std::max<double>(1, static_cast<double>(all.size()))});
}

class Policy {
 public:
  Policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
         const algo::Policy& member, const algo::PolicyLoss& loss)
      : run_(run),
        options_(options),
        environment_(environment),
        loss_(loss),
        renderer_(run.tokenizer(), renderer_options(options), run.end_ids()),
        sampler_(run.model(), run.tokenizer(), renderer_.stop_ids(),
                 {.max_sequences = options.max_sequences}),
        stepper_(run.model()) {
    int64_t rows = environment.size(env::Split::Train);
    if (options.train_rows > 0) rows = std::min(rows, options.train_rows);
    plan_ = plan_policy(run.options(), options, rows, member.group_at_least);
  }

  Result train() {
    if (loss_.needs_reference() && !run_.model().has_adapter()) {
      reference_ = sample::load(run_.options().model_name_or_path,
                                {.dtype = sample::dtype_of(run_.options().dtype), .lora = {}})
                       .model;
    }
    run_.begin(plan_.steps);
    announce();
    runlog::Progress progress(run_.terminal(), "grpo", plan_.steps);
    progress.update(run_.state().step, {});
    while (!run_.done()) {
      const double begun = clock::seconds();
      const Generation generation = generate();
      log_rollouts(generation, progress);
      const double generated = clock::seconds();
      if (!update(generation, begun, generated, progress)) {
        progress.abandon();
        return run_.interrupted();
      }
    }
    const State& state = run_.state();
    progress.finish({fmt::format("reward {:.2f} → {:.2f}", first_reward_, last_reward_),
                     fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared)});
    return run_.finish({{"reward", {{"first", first_reward_}, {"last", last_reward_}}}});
  }

 private:
  static chat::RendererOptions renderer_options(const RolloutOptions& o) {
    chat::RendererOptions options;
    options.chat_template_path = o.chat_template_path;
    options.eos_token = o.eos_token;
    options.now_s = static_cast<int64_t>(clock::epoch_seconds());
    return options;
  }

  void announce() {
    if (run_.brief()) return;
    const CommonOptions& c = run_.options();
    runlog::print(
        fmt::format("batches    {} prompts × {} answers → micro-batches of ≤ {} tokens → {} "
                    "update{} a batch, {} steps\n",
                    plan_.prompts, plan_.samples, c.micro_batch_tokens, options_.num_iterations,
                    options_.num_iterations == 1 ? "" : "s", plan_.steps));
    const env::Row row = environment_.row(env::Split::Train, 0, c.run_seed());
    runlog::print("prompt     " +
                  renderer_.tokenizer().decode(evaluate::prompt_of(row, renderer_)) + "\n");
  }

  int64_t generation_number() const { return run_.state().step / options_.num_iterations; }

  Generation generate() {
    const int64_t number = generation_number();
    const int64_t per_epoch = std::max<int64_t>(1, plan_.rows / plan_.prompts);
    const std::vector<int64_t> order =
        data::epoch_order(plan_.rows, run_.options().run_seed(), number / per_epoch);
    std::vector<env::Row> rows;
    for (int64_t i = 0; i < plan_.prompts; ++i) {
      const int64_t index =
          order[static_cast<size_t>((number % per_epoch * plan_.prompts + i) % plan_.rows)];
      rows.push_back(environment_.row(env::Split::Train, index, run_.options().run_seed()));
    }
    Generation g;
    g.rollouts = evaluate::roll_out(environment_, rows, renderer_, sampler_,
                                    {.samples = plan_.samples,
                                     .sampling = sampling_of(options_),
                                     .seed = run_.options().run_seed(),
                                     .step = static_cast<uint32_t>(number)});
    g.rewards = {.prompts = plan_.prompts, .samples = plan_.samples, .rewards = {}, .scored = {}};
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (size_t s = 0; s < rollout.verdicts.size(); ++s) {
        const reward::Verdict& verdict = rollout.verdicts[s];
        const bool scored = verdict.outcome == reward::Outcome::Scored;
        g.rewards.rewards.push_back(scored ? verdict.reward : 0);
        g.rewards.scored.push_back(scored ? 1 : 0);
        g.sampled_tokens += static_cast<int64_t>(rollout.completions[s].tokens.size());
      }
    }
    g.advantages = loss_.advantages(g.rewards);
    return g;
  }

  /// The first batch as the trainer sees it: trained tokens between ⟦ and ⟧.
  void keep_decoded(const Generation& g) const {
    std::string text;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      text += renderer_.tokenizer().decode(rollout.prompt) + "⟦" +
              renderer_.tokenizer().decode(rollout.completions[0].tokens) + "⟧\n----\n";
    }
    file::write_atomically(run_.options().output_dir + "/decoded_batch.txt", text);
  }

  void log_rollouts(const Generation& g, runlog::Progress& progress) {
    const int64_t step = run_.state().step;
    if (step == 0) keep_decoded(g);
    for (size_t p = 0; p < g.rollouts.size(); ++p) {
      for (size_t s = 0; s < g.rollouts[p].completions.size(); ++s) {
        Json row = evaluate::to_json(g.rollouts[p], s, {"train", step, static_cast<int64_t>(p)});
        row["advantage"] = g.advantages[p * g.rollouts[p].completions.size() + s];
        run_.log().rollout(row);
      }
    }
    if (options_.show_every > 0 && step % options_.show_every == 0 && !g.rollouts.empty()) {
      const evaluate::Rollout& shown = g.rollouts[0];
      progress.say(fmt::format("sample     step {}, reward {:.2f}: {}\n", step,
                               shown.verdicts[0].reward, shown.completions[0].text));
    }
  }

  /// Groups for the trainer, those without signal last; the answers' ids are their places in the
  /// batch.
  std::vector<batch::Group> groups(const Generation& g) const {
    std::vector<batch::Group> groups;
    int64_t id = 0;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      batch::Group group{.prompt = rollout.prompt, .answers = {}};
      for (const chat::Completion& completion : rollout.completions) {
        const bool left_out =
            options_.mask_truncated_completions && completion.finish == chat::Finish::Length;
        group.answers.push_back({completion.tokens,
                                 std::vector<uint8_t>(completion.tokens.size(), left_out ? 0 : 1),
                                 id++});
      }
      groups.push_back(std::move(group));
    }
    std::stable_partition(groups.begin(), groups.end(), [&](const batch::Group& group) {
      return std::any_of(group.answers.begin(), group.answers.end(), [&](const batch::Answer& a) {
        return g.advantages[static_cast<size_t>(a.id)] != 0;
      });
    });
    return groups;
  }

  std::vector<std::vector<float>> reference_logp(const std::vector<batch::Packed>& batches,
                                                 const step::PolicyInputs& inputs) {
    std::vector<std::vector<float>> all;
    for (const std::vector<float>& answer : inputs.behaviour_logp)
      all.emplace_back(answer.size(), 0.0f);
    run_.model().use_adapter(false);
    for (const batch::Packed& packed : batches) {
      const step::HeadNumbers numbers =
          step::score(reference_ ? *reference_ : run_.model(), packed, options_.temperature);
      for (size_t n = 0; n < numbers.logp.size(); ++n) {
        const int64_t id = packed.answers[static_cast<size_t>(packed.answer[n])];
        all[static_cast<size_t>(id)][static_cast<size_t>(packed.place[n])] = numbers.logp[n];
      }
    }
    run_.model().use_adapter(true);
    return all;
  }

  /// num_iterations optimizer steps on one generation batch. False: interrupted.
  bool update(const Generation& g, double begun, double generated, runlog::Progress& progress) {
    const std::vector<batch::Packed> batches =
        batch::pack(groups(g), run_.options().micro_batch_tokens);
    step::PolicyInputs inputs{.behaviour_logp = {},
                              .old_logp = {},
                              .ref_logp = {},
                              .advantage = g.advantages,
                              .max_completion_length = options_.max_completion_length};
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        inputs.behaviour_logp.push_back(completion.logp);
    }
    inputs.old_logp = inputs.behaviour_logp;  // the same weights, bit for bit
    if (loss_.needs_reference()) inputs.ref_logp = reference_logp(batches, inputs);
    State& state = run_.state();
    state.sampled_tokens += g.sampled_tokens;
    for (int64_t iteration = 0; iteration < options_.num_iterations && !run_.done(); ++iteration) {
      const double at = clock::seconds();
      const step::BatchResult result =
          stepper_.policy(batches, loss_, inputs, options_.temperature, iteration == 0);
      const Run::Update made = run_.update(result.loss);
      state.tokens += result.read_tokens;
      state.compared += result.compared;
      if (!(result.largest_mismatch <= state.largest_mismatch))
        state.largest_mismatch = result.largest_mismatch;
      Figures figures = {{"loss", result.loss},
                         {"grad_norm", made.grad_norm},
                         {"learning_rate", made.learning_rate}};
      add_rewards(g, figures);
      add_lengths(g, figures);
      figures.push_back({"entropy", result.mean_entropy});
      for (const auto& [name, value] : result.metrics) figures.push_back({name, value});
      figures.push_back({"sampling/sampling_logp_difference/max", result.largest_mismatch});
      figures.push_back({"num_tokens", static_cast<double>(state.tokens)});
      const double now = clock::seconds();
      const double generating = iteration == 0 ? generated - begun : 0;
      figures.push_back({"time/generate", generating});
      figures.push_back({"time/update", now - at});
      figures.push_back({"step_time", generating + now - at});
      figures.push_back(
          {"tokens_per_second",
           static_cast<double>(g.sampled_tokens + result.read_tokens) / (generating + now - at)});
      figures.push_back({"tflop", run_.model().flops() / 1e12});
      for (const auto& [name, value] : figures) {
        if (name != "reward") continue;
        if (state.step == 0) first_reward_ = value;
        last_reward_ = value;
      }
      const double epoch = static_cast<double>((generation_number() + 1) * plan_.prompts) /
                           static_cast<double>(plan_.rows);
      run_.advance(figures, epoch);
      progress.update(state.step,
                      {fmt::format("reward {:.2f} → {:.2f}", first_reward_, last_reward_),
                       fmt::format("entropy {:.2f}", result.mean_entropy),
                       fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared)});
      const int64_t every = run_.options().eval_steps;
      if (every > 0 && (state.step % every == 0 || run_.done())) evaluate_now(epoch);
    }
    // Between two updates of one batch nothing is saved: its answers could not be sampled again
    // from newer weights.
    return run_.checkpoint();
  }

  void evaluate_now(double epoch) {
    const evaluate::Evaluation result = evaluate::evaluate(environment_, renderer_, sampler_,
                                                           {.name = "eval",
                                                            .step = run_.state().step,
                                                            .prompts = options_.eval_prompts,
                                                            .samples = options_.eval_samples,
                                                            .sampling = sampling_of(options_),
                                                            .seed = run_.options().run_seed()},
                                                           &run_.log());
    Figures figures = {{"eval_reward", result.reward.mean}};
    for (const auto& [name, part] : result.parts)
      figures.push_back({"eval_rewards/" + name, part.mean});
    run_.log_metrics(figures, epoch);
    run_.judge(result.reward.mean, true);
  }

  Run& run_;
  RolloutOptions options_;
  const env::Environment& environment_;
  const algo::PolicyLoss& loss_;
  chat::Renderer renderer_;
  sample::Sampler sampler_;
  step::Stepper stepper_;
  PolicyPlan plan_{};
  std::unique_ptr<model::Model> reference_;
  double first_reward_ = 0, last_reward_ = 0;
};

}  // namespace

PolicyPlan plan_policy(const CommonOptions& common, const RolloutOptions& rollout, int64_t rows,
                       int64_t group_at_least) {
  const int64_t answers = common.per_device_train_batch_size * common.gradient_accumulation_steps;
  auto line = [&] {
    return fmt::format(
        "per_device_train_batch_size {} × gradient_accumulation_steps {} = {} answers, "
        "num_generations {}",
        common.per_device_train_batch_size, common.gradient_accumulation_steps, answers,
        rollout.num_generations);
  };
  if (rollout.num_generations < group_at_least) {
    throw Error({fmt::format("num_generations: wanted at least {}, got {}", group_at_least,
                             rollout.num_generations),
                 "", "a group of one has nothing to be compared with"});
  }
  if (answers % rollout.num_generations != 0) {
    throw Error({"the answers of a step do not divide into groups", line(),
                 "make their product a multiple of num_generations"});
  }
  if (rollout.top_p < 1 || rollout.top_k > 0 || rollout.min_p > 0) {
    throw Error({"top_p, top_k and min_p cut the distribution that is trained on",
                 "policy training", "leave them at 1, 0 and 0; lower the temperature instead"});
  }
  PolicyPlan plan{.prompts = answers / rollout.num_generations,
                  .samples = rollout.num_generations,
                  .steps = 0,
                  .rows = rows};
  if (rows < plan.prompts) {
    throw Error({fmt::format("a step takes {} prompts, the environment has {} training rows",
                             plan.prompts, rows),
                 "", "lower per_device_train_batch_size or gradient_accumulation_steps"});
  }
  const double generations =
      std::ceil(static_cast<double>(rows / plan.prompts) * common.num_train_epochs);
  plan.steps = common.max_steps > 0 ? common.max_steps
                                    : static_cast<int64_t>(generations) * rollout.num_iterations;
  return plan;
}

Result policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
              const algo::Policy& member, const algo::PolicyLoss& loss) {
  return Policy(run, options, environment, member, loss).train();
}

Result grpo(const GrpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
            const Setting& setting) {
  const std::unique_ptr<env::Environment> environment = env::make_environment(
      options.rollout.env, text::parse_json(options.rollout.env_args, "--env_args"));
  plan_policy(options.common, options.rollout, environment->size(env::Split::Train),
              member.group_at_least);
  Run run(options.common, setting);
  return policy(run, options.rollout, *environment, member, loss);
}

}  // namespace temper::train
