#include "temper/learn/train/spin.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/engine/model/lora.h"
#include "temper/engine/sample/sampler.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/train/policy_plan.h"
#include "temper/learn/train/reference_model.h"
#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

/// The rows' prompts and answers, beside the opponent's answers of an iteration.
struct Duelled {
  std::vector<step::Pair> pairs;
  std::vector<int64_t> iteration;  ///< whose answer is there; -1: none yet
  random::Purpose purpose;

  Duelled(std::vector<step::Pair> rows, random::Purpose drawn_for)
      : pairs(std::move(rows)), iteration(pairs.size(), -1), purpose(drawn_for) {}
};

class Spin {
 public:
  Spin(Run& run, const SpinOptions& options, const algo::PreferenceLoss& loss,
       const chat::Renderer& renderer, int64_t iteration_steps)
      : run_(run),
        options_(options),
        loss_(loss),
        renderer_(renderer),
        iteration_steps_(iteration_steps),
        opponent_(run, {.sync_ref_model = options.num_spin_iterations > 1,
                        .ref_model_mixup_alpha = 1,
                        .ref_model_sync_steps = iteration_steps}),
        sampler_(opponent_.model(), run.tokenizer(), renderer.stop_ids(),
                 {.max_sequences = options.max_sequences}),
        stepper_(run.model(), loss, run.options().micro_batch_tokens) {}

  Result train(PairRows rows, const RowOrder& order) {
    Duelled train(std::move(rows.train), random::Purpose::Sample),
        test(std::move(rows.test), random::Purpose::Evaluate);
    if (!run_.foresee(forecast(train, order), order.steps())) return run_.planned();
    run_.begin(order.steps());
    opponent_.begin();
    log_rows(run_, order, rows.rejected, "decoded_row", [&](size_t row) {
      return renderer_.tokenizer().decode(train.pairs[row].prompt) + "\n[chosen] " +
             renderer_.tokenizer().decode(train.pairs[row].chosen);
    });
    std::vector<int64_t> held_out(test.pairs.size());
    for (size_t i = 0; i < held_out.size(); ++i) held_out[i] = static_cast<int64_t>(i);
    const RowLoop loop{
        .name = run_.command(),
        .digits = 3,
        .step = [&](const std::vector<int64_t>& batch) { return step(train, batch); },
        .evaluate = [&]() -> std::optional<RowEvaluation> {
          if (held_out.empty()) return std::nullopt;
          const step::PairResult result = stepper_.evaluate(pairs(test, held_out));
          return RowEvaluation{.figure = result.loss, .figures = figures_of(result, loss_)};
        },
        .summary = [&]() -> Json {
          return {{"pairs", {{"trained", run_.state().pairs}, {"tied", run_.state().tied_pairs}}}};
        }};
    return run_rows(run_, order, loop,
                    {{"train", train.pairs.size()},
                     {"test", test.pairs.size()},
                     {"rejected", rows.rejected.size()}});
  }

 private:
  /// At most: the rows' own answers are counted like the sampled ones.
  Forecast forecast(const Duelled& train, const RowOrder& order) const {
    double prompts = 0;
    for (const step::Pair& pair : train.pairs) prompts += static_cast<double>(pair.prompt.size());
    RolloutOptions rollout;
    rollout.max_completion_length = options_.max_new_tokens;
    rollout.max_sequences = options_.max_sequences;
    return train::forecast({.prompts = order.batch_rows(),
                            .samples = 2,
                            .updates = 1,
                            .steps = order.steps(),
                            .rows = order.rows()},
                           rollout, prompts / static_cast<double>(train.pairs.size()),
                           {.reference = true, .copy = !run_.model().is_own_reference()});
  }

  /// Those of the rows whose two answers differ, with the reference's sums.
  std::vector<const step::Pair*> pairs(Duelled& from, const std::vector<int64_t>& rows) {
    answer(from, rows);
    std::vector<const step::Pair*> different;
    for (int64_t row : rows) {
      const step::Pair& pair = from.pairs[static_cast<size_t>(row)];
      if (pair.chosen != pair.rejected) different.push_back(&pair);
    }
    return different;
  }

  /// The opponent's answers to rows that have none of this iteration yet: named by iteration and
  /// row, so that they are the same in every epoch, and after a resume.
  void answer(Duelled& from, const std::vector<int64_t>& rows) {
    std::vector<chat::Request> requests;
    std::vector<step::Pair*> asked;
    for (int64_t row : rows) {
      int64_t& done = from.iteration[static_cast<size_t>(row)];
      if (done == iteration_) continue;
      done = iteration_;
      asked.push_back(&from.pairs[static_cast<size_t>(row)]);
      chat::Request& request = requests.emplace_back();
      request.prompt = asked.back()->prompt;
      request.options.temperature = options_.temperature;
      request.options.max_tokens = options_.max_new_tokens;
      request.seed = run_.options().run_seed();
      request.purpose = from.purpose;
      request.step = static_cast<uint32_t>(done);
      request.prompt_id = static_cast<uint32_t>(row);
    }
    if (asked.empty()) return;
    opponent_.ask([&](model::Model&) {
      const std::vector<std::vector<chat::Completion>> said = sampler_.speak(requests);
      for (size_t i = 0; i < asked.size(); ++i) {
        asked[i]->rejected = said[i][0].tokens;
        asked[i]->rejected_tokens.ref_behaviour = said[i][0].logp;
        run_.state().sampled_tokens += std::ssize(said[i][0].tokens);
      }
    });
    const step::Mismatch mismatch = opponent_.read(loss_, asked, options_.temperature);
    run_.state().compare(mismatch.largest, mismatch.compared);
  }

  RowStep step(Duelled& from, const std::vector<int64_t>& batch) {
    State& state = run_.state();
    iteration_ = state.step / iteration_steps_;
    if (iteration_ > 0) opponent_.follow();  // after the evaluation of the iteration before
    const std::vector<const step::Pair*> different = pairs(from, batch);
    const step::PairResult result = stepper_.train(different);
    const auto tied = std::ssize(batch) - std::ssize(different);
    state.pairs += std::ssize(different);
    state.tied_pairs += tied;
    Figures figures = figures_of(result, loss_);
    figures.push_back({"iteration", static_cast<double>(iteration_)});
    figures.push_back(
        {"frac_pairs_tied", static_cast<double>(tied) / static_cast<double>(std::ssize(batch))});
    figures.push_back({"sampling/sampling_logp_difference/max", state.largest_mismatch});
    std::vector<std::string> shown = progress_of(result.metrics);
    shown.push_back(fmt::format("mismatch {:g} of {}", state.largest_mismatch, state.compared));
    return {.loss = result.loss,
            .tokens = result.read_tokens,
            .figures = std::move(figures),
            .shown = std::move(shown)};
  }

  Run& run_;
  const SpinOptions& options_;
  const algo::PreferenceLoss& loss_;
  const chat::Renderer& renderer_;
  int64_t iteration_steps_, iteration_ = 0;
  ReferenceModel opponent_;
  sample::Sampler sampler_;
  step::PairStepper stepper_;
};

}  // namespace

void describe(config::Fields<SpinOptions>& f) {
  using O = SpinOptions;
  describe_pairs(f);
  f.group("self-play");
  f.add("num_spin_iterations", &O::num_spin_iterations,
        "times that an opponent is made of the policy; max_steps and num_train_epochs are of one")
      .at_least(1);
  f.add("max_new_tokens", &O::max_new_tokens, "tokens of an opponent's answer at most").at_least(1);
  f.add("temperature", &O::temperature, "at which the opponent writes").above(0);
  f.add("max_sequences", &O::max_sequences, "answers written at once").at_least(1);
}

Result spin(Run& run, PairRows rows, const SpinOptions& options, const algo::PreferenceLoss& loss,
            const chat::Renderer& renderer) {
  const RowCounts counts{"answers", rows.train.size(), rows.test.size(), rows.truncated};
  require_rows(counts, rows.rejected);
  const auto count = static_cast<int64_t>(rows.train.size());
  const int64_t steps = RowOrder(count, options.common).steps();
  CommonOptions whole = options.common;
  whole.max_steps = steps * options.num_spin_iterations;
  const RowOrder order(count, whole);
  print_rows(run, order, counts, rows.rejected, rows.notes);
  return Spin(run, options, loss, renderer, steps).train(std::move(rows), order);
}

Result spin(const SpinOptions& options, const algo::PreferenceLoss& loss, const Setting& setting) {
  if (options.num_spin_iterations > 1 && options.common.use_peft) {
    throw Error(
        {"the opponent of an adapter is the model without it, so there can be one "
         "iteration only",
         "num_spin_iterations",
         "merge the adapter after each iteration (temper export) and start the next from "
         "that, or train the whole model"});
  }
  if (model::is_adapter_folder(options.common.model_name_or_path)) {
    throw Error(
        {"the opponent of an adapter is the model without it, which is not where this run "
         "begins",
         options.common.model_name_or_path, "merge the adapter first: temper export"});
  }
  Run run(options.common, setting);
  const chat::Renderer renderer = pair_renderer(options, run);
  return spin(run, pair_rows(options, renderer, {.demonstrations = true}), options, loss, renderer);
}

}  // namespace temper::train
