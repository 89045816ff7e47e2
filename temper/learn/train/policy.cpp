#include "temper/learn/train/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "temper/engine/sample/sampler.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/critic.h"
#include "temper/learn/train/generation.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/policy_plan.h"
#include "temper/learn/train/reference_model.h"
#include "temper/learn/train/reward_figures.h"
#include "temper/learn/train/reward_model.h"
#include "temper/learn/train/rollout_log.h"

namespace temper::train {
namespace {

class Policy {
 public:
  Policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
         const algo::Policy& member, const algo::PolicyLoss& loss, const CriticOptions& critic)
      : run_(run),
        options_(options),
        critic_options_(critic),
        environment_(environment),
        loss_(loss),
        renderer_(run.tokenizer(), renderer_options(options), run.end_ids()),
        sampler_(run.model(), run.tokenizer(), renderer_.stop_ids(),
                 {.max_sequences = options.max_sequences}),
        stepper_(run.model(), run.critic()),
        judge_(reward_model(run, options)),
        generator_(run, options_, environment, renderer_, sampler_, member.against, judge_),
        entropy_(options.entropy) {
    int64_t rows = environment.size(env::Split::Train);
    if (options.train_rows > 0) rows = std::min(rows, options.train_rows);
    plan_ = plan_policy(run.options(), options, rows, member);
  }

  Result train() {
    check_sync(options_.sync, loss_.needs_reference(), run_.model().has_adapter());
    const PolicyNeeds needs{.reference = loss_.needs_reference(),
                            .copy = loss_.needs_reference() && !run_.model().is_own_reference(),
                            .critic = run_.critic() == nullptr ? nullptr : &run_.critic()->config(),
                            .adapters = run_.options().use_peft};
    const double tokens = prompt_tokens(environment_, renderer_, plan_, run_.options().run_seed());
    if (!run_.foresee(forecast(plan_, options_, tokens, needs), plan_.steps)) return run_.planned();
    if (loss_.needs_reference()) reference_.emplace(run_, options_.sync);
    run_.begin(plan_.steps);
    if (reference_) reference_->begin();
    if (run_.state().entropy_coef)
      entropy_.restore(*run_.state().entropy_coef, *run_.state().last_entropy);
    announce();
    runlog::Progress progress(run_.terminal(), run_.command(), plan_.steps);
    progress.update(run_.state().step, {});
    while (!run_.done()) {
      const double begun = clock::seconds();
      const Generation generation = generate();
      log_rollouts(run_, generation, options_.show_every, progress);
      if (!update(generation, {begun, clock::seconds()}, progress)) {
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
  void announce() {
    if (run_.brief()) return;
    const CommonOptions& c = run_.options();
    runlog::print(
        fmt::format("batches    {} prompts × {} answers → micro-batches of ≤ {} tokens → {} "
                    "update{} a batch, {} steps\n",
                    plan_.prompts, plan_.samples, c.micro_batch_tokens, plan_.updates,
                    plan_.updates == 1 ? "" : "s", plan_.steps));
    const env::Row row = environment_.row(env::Split::Train, 0, c.run_seed());
    runlog::print("prompt     " +
                  renderer_.tokenizer().decode(evaluate::prompt_of(row, renderer_)) + "\n");
  }

  int64_t generation_number() const { return run_.state().step / plan_.updates; }

  Generation generate() {
    Generation g = generator_.next(plan_, generation_number());
    measure(g);
    if (run_.critic() != nullptr) ask_critic(g);
    g.rewards.carried = run_.state().carried;
    g.credit = loss_.credit(g.rewards);
    run_.state().carried = g.credit.carried;
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
        const bool trained = is_trained(completion, truncated());
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

  /// What a member with a critic reads of single tokens.
  void ask_critic(Generation& g) {
    g.rewards.values = values(*run_.critic(), groups(g), run_.options().micro_batch_tokens);
    g.rewards.logp = sampled_logp(g);
    g.rewards.ref_logp = g.ref_logp;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        g.rewards.ended.push_back(completion.finish == chat::Finish::Stop ? 1 : 0);
    }
  }

  Truncated truncated() const {
    return options_.mask_truncated_completions ? Truncated::LeftOut : Truncated::Trained;
  }

  std::vector<batch::Group> groups(const Generation& g) const { return groups_of(g, truncated()); }

  /// The groups of each update of one pass, those without signal last: micro-batches of them need
  /// no backward pass.
  std::vector<std::vector<batch::Group>> mini_batches(const Generation& g) const {
    const std::vector<batch::Group> all = groups(g);
    const auto count = static_cast<size_t>(options_.num_mini_batches);
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), 0);
    if (count > 1) {
      const auto step = static_cast<uint32_t>(run_.state().step);
      random::Sequence draws(
          random::Stream(run_.options().run_seed(), random::Purpose::Data).part(1), {.step = step});
      draws.shuffle(order);
    }
    std::vector<std::vector<batch::Group>> cut(count);
    for (size_t i = 0; i < order.size(); ++i)
      cut[i * count / order.size()].push_back(all[order[i]]);
    for (std::vector<batch::Group>& part : cut) {
      std::stable_partition(part.begin(), part.end(), [&](const batch::Group& group) {
        return std::any_of(group.answers.begin(), group.answers.end(), [&](const batch::Answer& a) {
          return g.credit.answer[static_cast<size_t>(a.id)] != 0;
        });
      });
    }
    return cut;
  }

  /// By the model that the run began with: the adapter left out, or a copy, which may have
  /// followed. Without needs_reference the copy is read when it is wanted and freed again: the
  /// update needs its room.
  std::vector<std::vector<float>> start_logp(const std::vector<batch::Packed>& batches,
                                             const Generation& g) {
    std::vector<std::vector<float>> all;
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        all.emplace_back(completion.tokens.size(), 0.0f);
    }
    auto read = [&](model::Model& start) {
      for (const batch::Packed& packed : batches) {
        const step::HeadNumbers numbers = step::score(start, packed, options_.temperature);
        for (size_t n = 0; n < numbers.logp.size(); ++n) {
          const int64_t id = packed.answers[static_cast<size_t>(packed.answer[n])];
          all[static_cast<size_t>(id)][static_cast<size_t>(packed.place[n])] = numbers.logp[n];
        }
      }
    };
    if (reference_) {
      reference_->ask(read);
    } else {
      ReferenceModel(run_).ask(read);
    }
    return all;
  }

  /// Whether this batch's KL to the starting model is measured for the log alone.
  bool measures_kl() const {
    if (loss_.needs_reference() || options_.kl_every == 0) return false;
    const bool last = run_.state().step + plan_.updates >= plan_.steps;
    return last || generation_number() % options_.kl_every == 0;
  }

  step::PolicyInputs inputs_of(const Generation& g) const {
    const step::ByAnswer sampled = sampled_logp(g);
    return {.behaviour_logp = sampled,
            .old_logp = sampled,  // the same weights, bit for bit
            .ref_logp = g.ref_logp,
            .advantage = token_advantages(g),
            .old_value = g.rewards.values,
            .value_target = g.credit.value_target,
            .top_entropy_quantile = options_.entropy.top_entropy_quantile,
            .max_completion_length = options_.max_completion_length};
  }

  struct Times {
    double begun;      ///< sampling, or a later update of the same answers
    double generated;  ///< 0: the answers were there already
  };

  /// The optimizer steps on one generation batch. False: interrupted.
  bool update(const Generation& g, Times times, runlog::Progress& progress) {
    step::PolicyInputs inputs = inputs_of(g);
    const Figures of_batch = figures_of(g);
    Figures once;
    if (measures_kl()) {
      const std::vector<batch::Packed> batches =
          batch::pack(groups(g), run_.options().micro_batch_tokens);
      inputs.ref_logp = start_logp(batches, g);
      once.push_back({"kl", step::mean_kl(batches, inputs)});
    }
    run_.state().sampled_tokens += g.sampled_tokens;
    for (int64_t pass = 0; pass < options_.num_iterations; ++pass) {
      for (const std::vector<batch::Group>& some : mini_batches(g)) {
        if (run_.done()) break;
        inputs.entropy_coef = entropy_.applied();
        inputs.critic_alone =
            run_.critic() != nullptr && run_.state().step < critic_options_.value_warmup_steps;
        const bool first = times.generated > 0;
        const step::BatchResult result =
            stepper_.policy(batch::pack(some, run_.options().micro_batch_tokens), loss_, inputs,
                            options_.temperature, first);
        Figures figures = moved(result, inputs.critic_alone);
        for (const Figures& more : {of_batch, counted(g, result), std::exchange(once, {}),
                                    timed(first ? g.sampled_tokens : 0, result, times)}) {
          figures.insert(figures.end(), more.begin(), more.end());
        }
        advance(figures, result, progress);
        times = {clock::seconds(), 0};
      }
    }
    // Between two updates of one batch nothing is saved: its answers could not be sampled again
    // from newer weights.
    return run_.checkpoint();
  }

  /// Moves what is trained.
  Figures moved(const step::BatchResult& result, bool critic_alone) {
    const Run::Update made = critic_alone ? Run::Update{0, 0, false} : run_.update(result.loss);
    Figures figures = {{"loss", result.loss},
                       {"grad_norm", made.grad_norm},
                       {"learning_rate", made.learning_rate}};
    if (run_.critic() == nullptr) return figures;
    const Run::Update critic = run_.update_critic(result.critic_loss);
    figures.push_back({"critic/grad_norm", critic.grad_norm});
    figures.push_back({"critic/lr", critic.learning_rate});
    return figures;
  }

  /// What a step on the answers says, added to the run's totals.
  Figures counted(const Generation& g, const step::BatchResult& result) {
    State& state = run_.state();
    state.tokens += result.read_tokens;
    state.compare(result.largest_mismatch, result.compared);
    Figures figures = {{"entropy", result.mean_entropy}};
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
    figures.push_back({"sampling/sampling_logp_difference/mean", result.mean_mismatch});
    figures.push_back({"sampling/sampling_logp_difference/max", result.largest_mismatch});
    figures.push_back({"num_tokens", static_cast<double>(state.tokens)});
    return figures;
  }

  Figures timed(int64_t sampled_tokens, const step::BatchResult& result, Times times) const {
    const double now = clock::seconds(), seconds = now - times.begun;
    const double generating = times.generated > 0 ? times.generated - times.begun : 0;
    return {
        {"time/generate", generating},
        {"time/update", seconds - generating},
        {"step_time", seconds},
        {"tokens_per_second", static_cast<double>(sampled_tokens + result.read_tokens) / seconds},
        {"tflop", run_.flops() / 1e12}};
  }

  void advance(const Figures& figures, const step::BatchResult& result,
               runlog::Progress& progress) {
    State& state = run_.state();
    for (const auto& [name, value] : figures) {
      if (name == "reward") state.last_reward = value;
    }
    if (state.step == 0) state.first_reward = state.last_reward;
    const double epoch =
        static_cast<double>(state.drawn * plan_.prompts) / static_cast<double>(plan_.rows);
    run_.advance(figures, epoch);
    if (reference_) reference_->follow();
    progress.update(state.step,
                    {fmt::format("reward {:.2f} → {:.2f}", state.first_reward, state.last_reward),
                     fmt::format("entropy {:.2f}", result.mean_entropy),
                     fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared)});
    const int64_t every = run_.options().eval_steps;
    if (every > 0 && (state.step % every == 0 || run_.done())) evaluate_now(epoch);
  }

  void evaluate_now(double epoch) {
    const RewardFigures found = evaluate_rewards(run_, environment_, renderer_, sampler_, options_,
                                                 Generator::sampling(options_), judge_);
    Figures figures = {{"eval_reward", found.reward}};
    for (const auto& [name, mean] : found.parts) figures.push_back({"eval_" + name, mean});
    run_.log_metrics(figures, epoch);
    run_.judge(found.reward, true);
  }

  Run& run_;
  RolloutOptions options_;
  CriticOptions critic_options_;
  const env::Environment& environment_;
  const algo::PolicyLoss& loss_;
  chat::Renderer renderer_;
  sample::Sampler sampler_;
  step::Stepper stepper_;
  evaluate::TokenJudge judge_;
  Generator generator_;
  algo::EntropyControl entropy_;
  PolicyPlan plan_{};
  std::optional<ReferenceModel> reference_;
};

}  // namespace

Result policy(Run& run, const RolloutOptions& options, const env::Environment& environment,
              const algo::Policy& member, const algo::PolicyLoss& loss,
              const CriticOptions& critic) {
  if (member.has_critic()) run.train_critic(load_critic(run, critic), critic.value_learning_rate);
  return Policy(run, options, environment, member, loss, critic).train();
}

Result ppo(const PpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
           const Setting& setting) {
  const std::unique_ptr<env::Environment> environment = environment_of(options.rollout);
  plan_policy(options.common, options.rollout, environment->size(env::Split::Train), member);
  Run run(options.common, setting);
  return policy(run, options.rollout, *environment, member, loss, options.critic);
}

Result grpo(const GrpoOptions& options, const algo::Policy& member, const algo::PolicyLoss& loss,
            const Setting& setting) {
  return ppo({options, {}}, member, loss, setting);
}

}  // namespace temper::train
