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
#include "temper/learn/train/generation.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/policy_plan.h"
#include "temper/world/env/rows_environment.h"
#include "temper/world/env/task.h"

namespace temper::train {
namespace {

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
        stepper_(run.model()),
        generator_(run, options_, environment, renderer_, sampler_, member.against),
        entropy_(options.entropy) {
    int64_t rows = environment.size(env::Split::Train);
    if (options.train_rows > 0) rows = std::min(rows, options.train_rows);
    plan_ = plan_policy(run.options(), options, rows, member);
  }

  Result train() {
    const bool copies = loss_.needs_reference() && !run_.model().is_own_reference();
    const PolicyNeeds needs{.reference = loss_.needs_reference(), .copy = copies};
    if (!run_.foresee(forecast(plan_, options_, prompt_tokens(), needs), plan_.steps))
      return run_.planned();
    if (copies) reference_ = start_model();
    run_.begin(plan_.steps);
    if (run_.state().entropy_coef)
      entropy_.restore(*run_.state().entropy_coef, *run_.state().last_entropy);
    announce();
    runlog::Progress progress(run_.terminal(), run_.command(), plan_.steps);
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
    progress.finish({fmt::format("reward {:.2f} → {:.2f}", state.first_reward, state.last_reward),
                     fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared)});
    return run_.finish({{"reward", {{"first", state.first_reward}, {"last", state.last_reward}}}});
  }

 private:
  static chat::RendererOptions renderer_options(const RolloutOptions& o) {
    chat::RendererOptions options;
    options.chat_template_path = o.chat_template_path;
    options.eos_token = o.eos_token;
    options.now_s = static_cast<int64_t>(clock::epoch_seconds());
    return options;
  }

  /// Mean tokens of a few prompts.
  double prompt_tokens() const {
    constexpr int64_t kLooked = 16;
    double sum = 0;
    for (int64_t i = 0; i < kLooked; ++i) {
      const env::Row row =
          environment_.row(env::Split::Train, i % plan_.rows, run_.options().run_seed());
      sum += static_cast<double>(evaluate::prompt_of(row, renderer_).size());
    }
    return sum / kLooked;
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
    Generation g = generator_.next(plan_, generation_number());
    measure(g);
    g.advantages = loss_.advantages(g.rewards);
    return g;
  }

  /// What advantages may depend on beside rewards: trained tokens, and the distance to the
  /// reference.
  void measure(Generation& g) {
    if (loss_.needs_reference()) {
      g.ref_logp = start_logp(batch::pack(groups(g), run_.options().micro_batch_tokens), g);
    }
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions) {
        const bool trained = !left_out(completion);
        const auto tokens = static_cast<double>(completion.tokens.size());
        const size_t id = g.rewards.lengths.size();
        g.rewards.lengths.push_back(trained ? tokens : 0);
        if (g.ref_logp.empty()) continue;
        double log_ratio = 0;
        for (size_t t = 0; trained && t < completion.tokens.size(); ++t)
          log_ratio += double{completion.logp[t]} - double{g.ref_logp[id][t]};
        g.rewards.log_ratios.push_back(log_ratio);
      }
    }
  }

  bool left_out(const chat::Completion& completion) const {
    return options_.mask_truncated_completions && completion.finish == chat::Finish::Length;
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
    int64_t prompt = 0;
    auto log = [&](const evaluate::Rollout& rollout, auto&& add) {
      for (size_t s = 0; s < rollout.completions.size(); ++s) {
        Json row = evaluate::to_json(rollout, s, {"train", step, prompt});
        add(row, s);
        run_.log().rollout(row);
      }
      ++prompt;
    };
    for (const evaluate::Rollout& rollout : g.rollouts) {
      log(rollout, [&, first = static_cast<size_t>(prompt * plan_.samples)](Json& row, size_t s) {
        row["advantage"] = g.advantages[first + s];
      });
    }
    for (const evaluate::Rollout& rollout : g.filtered)
      log(rollout, [](Json& row, size_t) { row["filtered"] = true; });
    for (const evaluate::Rollout& rollout : g.greedy)
      log(rollout, [](Json& row, size_t) { row["greedy"] = true; });
    if (options_.show_every > 0 && step % options_.show_every == 0 && !g.rollouts.empty()) {
      const evaluate::Rollout& shown = g.rollouts[0];
      std::string text = shown.completions[0].text;
      std::replace(text.begin(), text.end(), '\n', ' ');
      progress.say(fmt::format("sample     step {}, reward {:.2f}: {}\n", step,
                               shown.verdicts[0].reward, text));
    }
  }

  /// Groups for the trainer; the answers' ids are their places in the batch.
  std::vector<batch::Group> groups(const Generation& g) const {
    std::vector<batch::Group> groups;
    int64_t id = 0;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      batch::Group group{.prompt = rollout.prompt, .answers = {}};
      for (const chat::Completion& completion : rollout.completions) {
        group.answers.push_back(
            {completion.tokens,
             std::vector<uint8_t>(completion.tokens.size(), left_out(completion) ? 0 : 1), id++});
      }
      groups.push_back(std::move(group));
    }
    return groups;
  }

  /// The same, those without signal last: micro-batches of them need no backward pass.
  std::vector<batch::Group> groups_by_signal(const Generation& g) const {
    std::vector<batch::Group> all = groups(g);
    std::stable_partition(all.begin(), all.end(), [&](const batch::Group& group) {
      return std::any_of(group.answers.begin(), group.answers.end(), [&](const batch::Answer& a) {
        return g.advantages[static_cast<size_t>(a.id)] != 0;
      });
    });
    return all;
  }

  /// The model that the run began with; an adapter's base.
  std::unique_ptr<model::Model> start_model() const {
    const bool adapter = run_.model().has_adapter();
    return sample::load(adapter ? run_.base() : run_.options().model_name_or_path,
                        {.dtype = sample::dtype_of(run_.options().dtype),
                         .lora = {},
                         .quantise = run_.model().options().quantise})
        .model;
  }

  /// By the model that the run began with: the adapter left out, or a copy. Without
  /// needs_reference the copy is read when it is wanted and freed again: the update needs its room.
  std::vector<std::vector<float>> start_logp(const std::vector<batch::Packed>& batches,
                                             const Generation& g) {
    std::vector<std::vector<float>> all;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        all.emplace_back(completion.tokens.size(), 0.0f);
    }
    const bool own = run_.model().is_own_reference();
    const std::unique_ptr<model::Model> read = own || reference_ ? nullptr : start_model();
    model::Model& start = own ? run_.model() : reference_ ? *reference_ : *read;
    const double before = start.flops();
    if (own) start.use_adapter(false);
    for (const batch::Packed& packed : batches) {
      const step::HeadNumbers numbers = step::score(start, packed, options_.temperature);
      for (size_t n = 0; n < numbers.logp.size(); ++n) {
        const int64_t id = packed.answers[static_cast<size_t>(packed.answer[n])];
        all[static_cast<size_t>(id)][static_cast<size_t>(packed.place[n])] = numbers.logp[n];
      }
    }
    start.use_adapter(true);
    if (!own) run_.model().count_flops(start.flops() - before);
    return all;
  }

  /// Whether this batch's KL to the starting model is measured for the log alone.
  bool measures_kl() const {
    if (loss_.needs_reference() || options_.kl_every == 0) return false;
    const bool last = run_.state().step + options_.num_iterations >= plan_.steps;
    return last || generation_number() % options_.kl_every == 0;
  }

  /// num_iterations optimizer steps on one generation batch. False: interrupted.
  bool update(const Generation& g, double begun, double generated, runlog::Progress& progress) {
    const std::vector<batch::Packed> batches =
        batch::pack(groups_by_signal(g), run_.options().micro_batch_tokens);
    step::PolicyInputs inputs{.behaviour_logp = {},
                              .old_logp = {},
                              .ref_logp = g.ref_logp,
                              .advantage = g.advantages,
                              .top_entropy_quantile = options_.entropy.top_entropy_quantile,
                              .max_completion_length = options_.max_completion_length};
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        inputs.behaviour_logp.push_back(completion.logp);
    }
    inputs.old_logp = inputs.behaviour_logp;  // the same weights, bit for bit
    const bool measured = measures_kl();
    if (measured) inputs.ref_logp = start_logp(batches, g);
    const Figures batch_figures = figures_of(g);
    State& state = run_.state();
    state.sampled_tokens += g.sampled_tokens;
    for (int64_t iteration = 0; iteration < options_.num_iterations && !run_.done(); ++iteration) {
      const double at = clock::seconds();
      inputs.entropy_coef = entropy_.applied();
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
      figures.insert(figures.end(), batch_figures.begin(), batch_figures.end());
      figures.push_back({"entropy", result.mean_entropy});
      if (options_.filter_groups)
        figures.push_back({"num_gen_batches", static_cast<double>(g.batches)});
      if (options_.entropy.has_bonus()) {
        entropy_.saw(result.kept_entropy);
        state.entropy_coef = entropy_.coef();
        state.last_entropy = entropy_.last();
        figures.push_back({"policy_loss", result.policy_loss});
        figures.push_back({"entropy_coef", entropy_.coef()});
      }
      for (const auto& [name, value] : result.metrics) figures.push_back({name, value});
      if (measured && iteration == 0) figures.push_back({"kl", step::mean_kl(batches, inputs)});
      figures.push_back({"sampling/sampling_logp_difference/mean", result.mean_mismatch});
      figures.push_back({"sampling/sampling_logp_difference/max", result.largest_mismatch});
      figures.push_back({"num_tokens", static_cast<double>(state.tokens)});
      const double now = clock::seconds();
      const double seconds = now - (iteration == 0 ? begun : at);
      figures.push_back({"time/generate", iteration == 0 ? generated - begun : 0});
      figures.push_back({"time/update", now - at});
      figures.push_back({"step_time", seconds});
      figures.push_back({"tokens_per_second",
                         static_cast<double>(g.sampled_tokens + result.read_tokens) / seconds});
      figures.push_back({"tflop", run_.model().flops() / 1e12});
      state.last_reward = batch_figures.front().second;
      if (state.step == 0) state.first_reward = state.last_reward;
      const double epoch =
          static_cast<double>(state.drawn * plan_.prompts) / static_cast<double>(plan_.rows);
      run_.advance(figures, epoch);
      progress.update(state.step,
                      {fmt::format("reward {:.2f} → {:.2f}", state.first_reward, state.last_reward),
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
    const evaluate::Evaluation result =
        evaluate::evaluate(environment_, renderer_, sampler_,
                           {.name = "eval",
                            .step = run_.state().step,
                            .prompts = options_.eval_prompts,
                            .samples = options_.eval_samples,
                            .sampling = Generator::sampling(options_),
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
  Generator generator_;
  algo::EntropyControl entropy_;
  PolicyPlan plan_{};
  std::unique_ptr<model::Model> reference_;
};

}  // namespace

std::unique_ptr<env::Environment> environment_of(const RolloutOptions& o) {
  if (o.env.empty() == o.dataset_name.empty()) {
    throw Error({o.env.empty() ? "nothing says what answers are rewarded for"
                               : "both --env and --dataset_name are given",
                 "", "--env NAME, or --dataset_name rows.jsonl --reward_funcs exact"});
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
                                   .parser = o.answer_parser});
}

Result policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
              const algo::Policy& member, const algo::PolicyLoss& loss) {
  return Policy(run, options, environment, member, loss).train();
}

Result grpo(const GrpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
            const Setting& setting) {
  const std::unique_ptr<env::Environment> environment = environment_of(options.rollout);
  plan_policy(options.common, options.rollout, environment->size(env::Split::Train), member);
  Run run(options.common, setting);
  return policy(run, options.rollout, *environment, member, loss);
}

}  // namespace temper::train
