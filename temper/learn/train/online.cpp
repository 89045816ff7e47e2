#include "temper/learn/train/online.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/sampler.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/step/preference.h"
#include "temper/learn/train/duel.h"
#include "temper/learn/train/generation.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/policy_plan.h"
#include "temper/learn/train/preference.h"
#include "temper/learn/train/reference_model.h"
#include "temper/learn/train/reward_figures.h"
#include "temper/learn/train/reward_model.h"
#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

using algo::Pairing;

class Online {
 public:
  Online(Run& run, const OnlineOptions& options, const env::Environment& environment,
         const algo::PreferenceLoss& loss)
      : run_(run),
        options_(options),
        environment_(environment),
        loss_(loss),
        renderer_(run.tokenizer(), renderer_options(options), run.end_ids()),
        reference_(run, options.sync),
        own_(run.model(), run.tokenizer(), renderer_.stop_ids(),
             {.max_sequences = options.max_sequences}),
        other_(loss.pairing() == Pairing::OwnAndMixture ? run.model() : reference_.model(),
               run.tokenizer(), renderer_.stop_ids(), {.max_sequences = options.max_sequences}),
        judge_(reward_model(run, options)),
        stepper_(run.model(), loss, run.options().micro_batch_tokens, options.temperature) {
    if (loss.pairing() == Pairing::OwnAndMixture) other_.mix(reference_.model(), loss.mixture());
  }

  Result train() {
    int64_t rows = environment_.size(env::Split::Train);
    if (options_.train_rows > 0) rows = std::min(rows, options_.train_rows);
    const RowCounts counts{"prompts", static_cast<size_t>(rows),
                           static_cast<size_t>(environment_.size(env::Split::HeldOut)), 0};
    const RowOrder order(rows, run_.options());
    print_rows(run_, order, counts, {}, {});
    if (!run_.foresee(forecast(order), order.steps())) return run_.planned();
    run_.begin(order.steps());
    reference_.begin();
    log_rows(run_, order, {}, "decoded_prompt", [&](size_t index) {
      return renderer_.tokenizer().decode(
          evaluate::prompt_of(row(static_cast<int64_t>(index)), renderer_));
    });
    const RowLoop loop{.name = run_.command(),
                       .digits = 3,
                       .step = [&](const std::vector<int64_t>& batch) { return step(batch); },
                       .updated = [&] { reference_.follow(); },
                       .evaluate = [&] { return evaluate(); },
                       .summary = [&] { return summary(); }};
    return run_rows(run_, order, loop, {{"train", counts.train}, {"test", counts.test}});
  }

 private:
  /// Two answers to each prompt, as long as they may be; reference and trainer read them both.
  Forecast forecast(const RowOrder& order) const {
    const PolicyPlan plan{.prompts = order.batch_rows(),
                          .samples = 2,
                          .updates = 1,
                          .steps = order.steps(),
                          .rows = order.rows()};
    RolloutOptions rollout;
    rollout.max_completion_length = options_.max_new_tokens;
    rollout.max_sequences = options_.max_sequences;
    return train::forecast(plan, rollout,
                           prompt_tokens(environment_, renderer_, plan, run_.options().run_seed()),
                           {.reference = true, .copy = !run_.model().is_own_reference()});
  }

  env::Row row(int64_t index) const {
    return environment_.row(env::Split::Train, index, run_.options().run_seed());
  }

  chat::SamplingOptions sampling() const {
    chat::SamplingOptions sampling;
    sampling.temperature = options_.temperature;
    sampling.max_tokens = options_.max_new_tokens;
    return sampling;
  }

  /// Scores are a reward model's, and nothing else's.
  bool judged_by_model() const { return judge_ && environment_.rubric().parts().empty(); }

  /// Two judged answers to each prompt, the policy's own first.
  std::vector<evaluate::Rollout> sample(const std::vector<env::Row>& rows) {
    const bool two = loss_.pairing() == Pairing::TwoOwn;
    evaluate::RolloutRequest request{.samples = two ? 2 : 1,
                                     .sampling = sampling(),
                                     .seed = run_.options().run_seed(),
                                     .step = static_cast<uint32_t>(run_.state().step),
                                     .judge = judge_};
    std::vector<evaluate::Rollout> all =
        evaluate::roll_out(environment_, rows, renderer_, own_, request);
    if (two) return all;
    request.first_sample = 1;
    std::vector<evaluate::Rollout> others;
    auto ask = [&](model::Model&) {
      others = evaluate::roll_out(environment_, rows, renderer_, other_, request);
    };
    if (loss_.pairing() == Pairing::OwnAndMixture) {
      ask(run_.model());  // the sampler leaves the adapter out of the reference's share
    } else {
      reference_.ask(ask);
    }
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].completions.push_back(std::move(others[i].completions[0]));
      all[i].verdicts.push_back(std::move(others[i].verdicts[0]));
    }
    return all;
  }

  void log(const std::vector<evaluate::Rollout>& rollouts, const Duels& duels) {
    for (size_t prompt = 0; prompt < rollouts.size(); ++prompt) {
      for (size_t answer = 0; answer < 2; ++answer) {
        Json line = evaluate::to_json(rollouts[prompt], answer,
                                      {"train", run_.state().step, static_cast<int64_t>(prompt)});
        const int chosen = duels.chosen[prompt];
        line["chosen"] = chosen < 0 ? Json() : Json(static_cast<size_t>(chosen) == answer);
        run_.log().rollout(line);
      }
    }
  }

  RowStep step(const std::vector<int64_t>& batch) {
    const double begun = clock::seconds();
    std::vector<env::Row> rows;
    for (int64_t index : batch) rows.push_back(row(index));
    Generation g;
    g.rollouts = sample(rows);
    g.rewards = rewards_of(g.rollouts);
    const double generated = clock::seconds();
    Duels made = duels(g.rollouts, {.pairing = loss_.pairing(),
                                    .missing_eos_penalty = options_.missing_eos_penalty.value_or(0),
                                    .graded = judged_by_model()});
    log(g.rollouts, made);
    std::vector<step::Pair*> pairs;
    for (step::Pair& pair : made.pairs) pairs.push_back(&pair);
    const step::Mismatch of_reference = reference_.read(loss_, pairs, options_.temperature);
    const step::PairResult result =
        stepper_.train(std::vector<const step::Pair*>(pairs.begin(), pairs.end()));
    count(g, made, result, of_reference);
    const Figures rewards = figures_of(g);
    State& state = run_.state();
    state.last_reward = rewards.front().second;
    if (state.step == 0) state.first_reward = state.last_reward;
    Figures figures = rewards;
    auto add = [&](const Figures& more) {
      figures.insert(figures.end(), more.begin(), more.end());
    };
    add(figures_of(result, loss_));
    add(made.figures);
    const auto drift = result.metrics.find("objective/non_score_reward");
    if (drift != result.metrics.end() && loss_.pairing() == Pairing::TwoOwn)
      add({{"objective/rlhf_reward", made.figures.front().second + drift->second}});
    const step::Mismatch& own = result.mismatch;
    add({{"sampling/sampling_logp_difference/mean",
          own.total / static_cast<double>(std::max<int64_t>(1, own.compared))},
         {"sampling/sampling_logp_difference/max", own.largest},
         {"time/generate", generated - begun}});
    std::vector<std::string> shown = {
        fmt::format("reward {:.2f} → {:.2f}", state.first_reward, state.last_reward)};
    for (const std::string& more : progress_of(result.metrics)) shown.push_back(more);
    shown.push_back(fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared));
    return {.loss = result.loss,
            .tokens = result.read_tokens,
            .figures = std::move(figures),
            .shown = std::move(shown)};
  }

  void count(const Generation& g, const Duels& made, const step::PairResult& result,
             const step::Mismatch& of_reference) {
    State& state = run_.state();
    for (const evaluate::Rollout& rollout : g.rollouts) {
      for (const chat::Completion& completion : rollout.completions)
        state.sampled_tokens += std::ssize(completion.tokens);
    }
    state.pairs += std::ssize(made.pairs);
    state.tied_pairs += made.tied;
    state.unscored_pairs += made.unscored;
    state.compare(result.mismatch.largest, result.mismatch.compared);
    state.compare(of_reference.largest, of_reference.compared);
  }

  std::optional<RowEvaluation> evaluate() {
    if (run_.options().eval_steps == 0) return std::nullopt;
    const RewardFigures found =
        evaluate_rewards(run_, environment_, renderer_, own_, options_, sampling(), judge_);
    return RowEvaluation{
        .figure = found.reward, .figures = found.parts, .name = "reward", .higher_is_better = true};
  }

  Json summary() const {
    const State& state = run_.state();
    return {{"reward", {{"first", state.first_reward}, {"last", state.last_reward}}},
            {"pairs",
             {{"trained", state.pairs},
              {"tied", state.tied_pairs},
              {"unscored", state.unscored_pairs}}}};
  }

  Run& run_;
  const OnlineOptions& options_;
  const env::Environment& environment_;
  const algo::PreferenceLoss& loss_;
  chat::Renderer renderer_;
  ReferenceModel reference_;
  sample::Sampler own_, other_;
  evaluate::TokenJudge judge_;
  step::PairStepper stepper_;
};

}  // namespace

Result online(Run& run, const OnlineOptions& options, const env::Environment& environment,
              const algo::PreferenceLoss& loss) {
  return Online(run, options, environment, loss).train();
}

Result online(const OnlineOptions& options, const algo::PreferenceLoss& loss,
              const Setting& setting) {
  const std::unique_ptr<env::Environment> environment = environment_of(options);
  Run run(options.common, setting);
  return online(run, options, *environment, loss);
}

}  // namespace temper::train
