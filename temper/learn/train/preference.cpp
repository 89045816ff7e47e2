#include "temper/learn/train/preference.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/engine/model/lora.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/train/mismatch.h"
#include "temper/learn/train/reference.h"
#include "temper/learn/train/reference_model.h"
#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

using Batch = std::vector<step::Pair*>;

Batch all_of(std::vector<step::Pair>& pairs) {
  Batch all;
  for (step::Pair& pair : pairs) all.push_back(&pair);
  return all;
}

Batch batch_of(PairRows& rows, const std::vector<int64_t>& batch) {
  Batch pairs;
  for (int64_t row : batch) pairs.push_back(&rows.train[static_cast<size_t>(row)]);
  return pairs;
}

std::vector<const step::Pair*> fixed(const Batch& batch) {
  return {batch.begin(), batch.end()};
}

/// The training pairs that the run visits, each once, and all that are held out.
Batch visited(PairRows& rows, const RowOrder& order) {
  const bool all = order.steps() >= order.steps_an_epoch();
  std::vector<char> wanted(rows.train.size(), all ? 1 : 0);
  for (int64_t step = 0; !all && step < order.steps(); ++step) {
    for (int64_t row : order.of_step(step)) wanted[static_cast<size_t>(row)] = 1;
  }
  Batch pairs;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) pairs.push_back(&rows.train[i]);
  }
  for (step::Pair& pair : rows.test) pairs.push_back(&pair);
  return pairs;
}

/// The mismatched answers of every step, and behind them those of the held-out pairs, where the
/// member asks for them.
std::vector<std::vector<step::Pair>> mismatches(PairRows& rows, const RowOrder& order,
                                                const algo::PreferenceLoss& loss) {
  std::vector<std::vector<step::Pair>> all(static_cast<size_t>(order.steps()) + 1);
  if (!loss.needs_mismatched()) return all;
  if (order.batch_rows() < 2 || rows.train.size() < 2) {
    throw Error({"a batch of one answer has no mismatched one, and z is estimated from those",
                 order.batch_rows() < 2 ? "per_device_train_batch_size" : "the training split",
                 "use batches of at least 2, or --loss_type apo_zero_unpaired"});
  }
  for (size_t step = 0; step + 1 < all.size(); ++step) {
    all[step] = mismatched(fixed(batch_of(rows, order.of_step(static_cast<int64_t>(step)))),
                           rows.max_length);
  }
  all.back() = mismatched(fixed(all_of(rows.test)), rows.max_length);
  return all;
}

RowTokens tokens_in(const std::vector<step::Pair>& pairs) {
  RowTokens tokens;
  for (const step::Pair& pair : pairs) {
    tokens.add(std::ssize(pair.prompt), 0);
    for (const auto* answer : {&pair.chosen, &pair.rejected})
      tokens.add(std::ssize(*answer), std::ssize(*answer));
  }
  return tokens;
}

std::string shown(const step::Pair& pair, const token::Tokenizer& tokenizer) {
  std::string text = tokenizer.decode(pair.prompt);
  if (!pair.chosen.empty()) text += "\n[chosen] " + tokenizer.decode(pair.chosen);
  if (!pair.rejected.empty()) text += "\n[rejected] " + tokenizer.decode(pair.rejected);
  return text;
}

/// Labels that are all alike, and what the member says of their numbers.
std::vector<std::string> label_notes(const PairRows& rows, const algo::PreferenceLoss& loss) {
  if (!loss.unpaired()) return {};
  const auto chosen = std::count_if(rows.train.begin(), rows.train.end(),
                                    [](const step::Pair& row) { return !row.chosen.empty(); });
  const int64_t rejected = std::ssize(rows.train) - chosen;
  std::vector<std::string> notes;
  if (chosen == 0 || rejected == 0) {
    notes.push_back(
        fmt::format("all {} labels are {}: {}", rows.train.size(), rejected == 0,
                    rejected == 0 ? "nothing says what to avoid" : "nothing says what is wanted"));
  }
  const std::string advice = loss.advice(chosen, rejected);
  if (!advice.empty()) {
    notes.push_back(fmt::format("{} labels are true, {} false; {}", chosen, rejected, advice));
  }
  return notes;
}

/// An answer worth imitating, as one that is wanted.
data::Row wanted_answer(const data::Row& row) {
  Json value = *row.value;
  value["label"] = true;
  return {.type = data::RowType::Unpaired,
          .conversational = row.conversational,
          .value = std::make_shared<const Json>(std::move(value)),
          .where = row.where};
}

/// The row's wish for how far apart the rewards are; 0 without one.
double margin_of(const data::Row& row) {
  const auto held = row.value->find("margin");
  if (held == row.value->end()) return 0;
  if (held->is_number()) return held->get<double>();
  throw Error({"'margin': wanted a number, got " + std::string(held->type_name()), row.where, ""});
}

/// Whether the reference is asked at every step, and not once before the first.
bool asks_on(const PreferenceOptions& o, const algo::PreferenceLoss& loss) {
  const bool adapter = o.common.use_peft || model::is_adapter_folder(o.common.model_name_or_path);
  check_sync(o.sync, loss.needs_reference(), adapter);
  if (!loss.needs_reference()) return false;
  if (o.sync.sync_ref_model && o.precompute_ref_log_probs.value_or(false)) {
    throw Error(
        {"log-probs that are computed once are those of a reference that stays, and "
         "sync_ref_model moves it",
         "precompute_ref_log_probs", "leave out one of the two"});
  }
  const bool asks = !o.precompute_ref_log_probs.value_or(!o.sync.sync_ref_model);
  if (asks && model::is_adapter_folder(o.common.model_name_or_path)) {
    throw Error(
        {"the reference of an adapter that is trained further is that adapter, and the "
         "run keeps no copy of it",
         "precompute_ref_log_probs", "leave it out: its log-probs are computed once"});
  }
  return asks;
}

}  // namespace

void describe(config::Fields<PairOptions>& f) {
  describe_pairs(f);
}

void describe(config::Fields<PreferenceOptions>& f) {
  using O = PreferenceOptions;
  describe_pairs(f);
  f.group("reference");
  f.add("precompute_ref_log_probs", &O::precompute_ref_log_probs,
        "the reference reads all pairs once, before training; unset: true, unless it is synced");
  f.include(&O::sync);
}

Figures figures_of(const step::PairResult& result, const algo::PreferenceLoss& loss) {
  Figures all = {{"entropy", result.mean_entropy}};
  if (!loss.unpaired()) all.push_back({"mean_token_accuracy", result.token_accuracy});
  if (!loss.needs_reference()) all.push_back({"nll_loss", result.nll});
  all.insert(all.end(), result.metrics.begin(), result.metrics.end());
  return all;
}

std::vector<std::string> progress_of(const std::map<std::string, double>& metrics) {
  std::vector<std::string> shown;
  for (const auto& [metric, format] :
       {std::pair{"rewards/accuracies", "accuracy {:.2f}"},
        std::pair{"rewards/margins", "margin {:.3f}"}, std::pair{"kl", "kl {:.3f}"},
        std::pair{"delta", "delta {:.3f}"}}) {
    const auto found = metrics.find(metric);
    if (found != metrics.end()) {
      shown.push_back(fmt::format(fmt::runtime(format), found->second));
    }
  }
  return shown;
}

PairRows pair_rows(const PairOptions& options, const chat::Renderer& renderer,
                   const PairReading& reading) {
  constexpr data::RowType kPairs[] = {data::RowType::Preference, data::RowType::Unpaired};
  constexpr data::RowType kAnswers[] = {data::RowType::PromptCompletion};
  const data::Dataset dataset =
      data::read_dataset(options.data,
                         reading.demonstrations ? std::span<const data::RowType>(kAnswers)
                                                : std::span(kPairs).first(reading.unpaired ? 2 : 1),
                         options.common.run_seed());
  PairRows rows;
  rows.max_length = options.max_length;
  std::vector<chat::TokenPair> looked_at;
  auto add = [&](const data::Row& row, std::vector<step::Pair>& to) {
    const bool drop = options.truncation_mode == "drop";
    chat::TokenPair pair = chat::token_pair(renderer, row, drop ? 0 : options.max_length);
    rows.truncated += pair.truncated ? 1 : 0;
    const auto longest =
        std::ssize(pair.prompt) + std::max(std::ssize(pair.chosen), std::ssize(pair.rejected));
    if (drop && options.max_length > 0 && longest > options.max_length) {
      pair.unusable = fmt::format("prompt and answer have {} tokens, max_length is {}", longest,
                                  options.max_length);
    }
    if (reading.demonstrations && pair.prompt.empty())
      pair.unusable = "the prompt is empty, and somebody is to answer it";
    if (!pair.unusable.empty()) {
      rows.rejected.push_back({pair.where, pair.unusable});
      return;
    }
    to.push_back({.prompt = pair.prompt,
                  .chosen = pair.chosen,
                  .rejected = pair.rejected,
                  .margin = reading.margins ? margin_of(row) : 0});
    looked_at.push_back(std::move(pair));
  };
  data::each_row(dataset, options.data, rows, [&](const data::Row& row, auto& to) {
    if (reading.demonstrations) return add(wanted_answer(row), to);
    if (!reading.unpaired) return add(row, to);
    for (const data::Row& answer : data::unpaired(row)) add(answer, to);
  });
  rows.notes = chat::lint(renderer, looked_at);
  return rows;
}

Result preference(const PreferenceOptions& options, const algo::PreferenceLoss& loss,
                  const Setting& setting) {
  const bool asks = asks_on(options, loss);
  Run run(options.common, setting);
  const CommonOptions& o = run.options();
  const chat::Renderer renderer = pair_renderer(options, run);
  PairRows rows = pair_rows(options, renderer, {.unpaired = loss.unpaired()});
  const RowCounts counts{loss.unpaired() ? "answers" : "pairs", rows.train.size(), rows.test.size(),
                         rows.truncated};
  require_rows(counts, rows.rejected);
  const RowOrder order(static_cast<int64_t>(rows.train.size()), o);
  step::PairStepper stepper(run.model(), loss, o.micro_batch_tokens);
  std::vector<std::vector<step::Pair>> mixed = mismatches(rows, order, loss);
  const std::vector<std::string> more = label_notes(rows, loss);
  rows.notes.insert(rows.notes.end(), more.begin(), more.end());
  print_rows(run, order, counts, rows.rejected, rows.notes);
  const RowTokens train = tokens_in(rows.train), held_out = tokens_in(rows.test);
  plan::Work work = row_work(order, o, train, held_out);
  if (loss.needs_reference()) {  // read once, before the first step
    const double visits = std::min(1.0, order.epochs(order.steps()));
    work.read_rows += visits * train.read + held_out.read;
    work.scored_tokens += visits * train.predicted + held_out.predicted;
  }
  if (!run.foresee({.work = work}, order.steps())) return run.planned();
  std::optional<ReferenceModel> reference;
  if (asks) {
    reference.emplace(run, options.sync);
  } else if (loss.needs_reference()) {  // before begin(), which puts a resumed run's weights in
                                        // place
    Batch read = visited(rows, order);
    for (std::vector<step::Pair>& batch : mixed) {
      for (step::Pair& pair : batch) read.push_back(&pair);
    }
    read_reference(run, stepper, read);
  }
  run.begin(order.steps());
  if (reference) reference->begin();
  State& state = run.state();
  stepper.go_on_from({.total = state.gain_total, .count = state.gain_count});
  log_rows(run, order, rows.rejected, "decoded_pair",
           [&](size_t row) { return shown(rows.train[row], renderer.tokenizer()); });
  /// What is to be read, with the reference's sums of now.
  auto ready = [&](const Batch& pairs) {
    if (reference) reference->read(loss, pairs);
    return fixed(pairs);
  };
  const Batch test = all_of(rows.test);
  const RowLoop loop{
      .name = setting.command,
      .digits = 3,
      .step =
          [&](const std::vector<int64_t>& batch) {
            const step::PairResult result =
                stepper.train(ready(batch_of(rows, batch)),
                              ready(all_of(mixed[static_cast<size_t>(state.step)])));
            state.gain_total = stepper.running().total;
            state.gain_count = stepper.running().count;
            return RowStep{.loss = result.loss,
                           .tokens = result.read_tokens,
                           .figures = figures_of(result, loss),
                           .shown = progress_of(result.metrics)};
          },
      .updated =
          [&] {
            if (reference) reference->follow();
          },
      .evaluate = [&]() -> std::optional<RowEvaluation> {
        if (test.empty()) return std::nullopt;
        const step::PairResult result = stepper.evaluate(ready(test), ready(all_of(mixed.back())));
        return RowEvaluation{.figure = result.loss, .figures = figures_of(result, loss)};
      }};
  return run_rows(run, order, loop,
                  {{"train", rows.train.size()},
                   {"test", rows.test.size()},
                   {"rejected", rows.rejected.size()}});
}

chat::Renderer pair_renderer(const PairOptions& options, const Run& run) {
  return {run.tokenizer(),
          {.chat_template_path = options.chat_template_path,
           .eos_token = options.eos_token,
           .max_length = 0,
           .now_s = static_cast<int64_t>(clock::epoch_seconds())},
          run.end_ids()};
}

}  // namespace temper::train
