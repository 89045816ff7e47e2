#include "temper/learn/train/preference.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/train/reference.h"
#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

std::vector<const step::Pair*> all_of(const std::vector<step::Pair>& pairs) {
  std::vector<const step::Pair*> all;
  for (const step::Pair& pair : pairs) all.push_back(&pair);
  return all;
}

/// The training pairs that the run visits, each once, and all that are held out.
std::vector<step::Pair*> visited(PairRows& rows, const RowOrder& order) {
  const bool all = order.steps() >= order.steps_an_epoch();
  std::vector<char> wanted(rows.train.size(), all ? 1 : 0);
  for (int64_t step = 0; !all && step < order.steps(); ++step) {
    for (int64_t row : order.of_step(step)) wanted[static_cast<size_t>(row)] = 1;
  }
  std::vector<step::Pair*> pairs;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) pairs.push_back(&rows.train[i]);
  }
  for (step::Pair& pair : rows.test) pairs.push_back(&pair);
  return pairs;
}

std::string shown(const step::Pair& pair, const token::Tokenizer& tokenizer) {
  return tokenizer.decode(pair.prompt) + "\n[chosen] " + tokenizer.decode(pair.chosen) +
         "\n[rejected] " + tokenizer.decode(pair.rejected);
}

/// What is logged beside the loss.
Figures figures_of(const step::PairResult& result, const algo::PreferenceLoss& loss,
                   const std::string& prefix) {
  Figures all = {{prefix + "entropy", result.mean_entropy},
                 {prefix + "mean_token_accuracy", result.token_accuracy}};
  if (!loss.needs_reference()) all.push_back({prefix + "nll_loss", result.nll});
  for (const auto& [name, value] : result.metrics) all.push_back({prefix + name, value});
  return all;
}

void print_rows(const Run& run, const PairRows& rows, const RowOrder& order) {
  if (run.brief()) return;
  for (const std::string& note : rows.notes) runlog::print("note: " + note + "\n");
  runlog::print(fmt::format("pairs      {} to train on, {} held out, {} left out, {} cut\n",
                            rows.train.size(), rows.test.size(), rows.rejected.size(),
                            rows.truncated));
  runlog::print(fmt::format("batches    {} pairs an update → {} updates ({} an epoch)\n",
                            order.batch_rows(), order.steps(), order.steps_an_epoch()));
}

}  // namespace

void describe(config::Fields<PreferenceOptions>& f) {
  using O = PreferenceOptions;
  f.include(&O::common);
  f.group("data");
  f.include(&O::data);
  f.group("tokens");
  f.add("chat_template_path", &O::chat_template_path,
        "chat template to use: a Jinja file, or a folder with a tokenizer's files");
  f.add("eos_token", &O::eos_token, "end token, instead of the tokenizer's");
  f.add("max_length", &O::max_length, "longest prompt + answer in tokens; 0 = no limit")
      .at_least(0);
  f.add("truncation_mode", &O::truncation_mode, "which end of a long sequence is kept")
      .choices({"keep_start"});
}

PreferenceOptions preference_defaults() {
  PreferenceOptions options;
  options.common.learning_rate = 1e-6;
  return options;
}

PairRows pair_rows(const PreferenceOptions& options, const chat::Renderer& renderer) {
  constexpr data::RowType kWanted[] = {data::RowType::Preference};
  const data::Dataset dataset =
      data::read_dataset(options.data, kWanted, options.common.run_seed());
  PairRows rows;
  std::vector<chat::TokenPair> looked_at;
  auto render = [&](const std::vector<data::Row>& from, std::vector<step::Pair>& to) {
    for (const data::Row& row : from) {
      data::guarded(options.data, row.where, rows.rejected, [&] {
        chat::TokenPair pair = chat::token_pair(renderer, row, options.max_length);
        rows.truncated += pair.truncated ? 1 : 0;
        if (!pair.unusable.empty()) {
          rows.rejected.push_back({pair.where, pair.unusable});
          return;
        }
        to.push_back({.prompt = pair.prompt, .chosen = pair.chosen, .rejected = pair.rejected});
        looked_at.push_back(std::move(pair));
      });
    }
  };
  render(dataset.train, rows.train);
  render(dataset.test, rows.test);
  rows.notes = chat::lint(renderer, looked_at);
  rows.rejected.insert(rows.rejected.end(), dataset.rejected.begin(), dataset.rejected.end());
  return rows;
}

Result preference(Run& run, PairRows rows, const algo::PreferenceLoss& loss,
                  const chat::Renderer& renderer, const std::string& name) {
  const CommonOptions& o = run.options();
  if (rows.train.empty()) {
    const std::string why = rows.rejected.empty() ? "" : "; the first: " + rows.rejected[0].reason;
    throw Error({"no pair is left to train on" + why, "the training split", ""});
  }
  const RowOrder order(static_cast<int64_t>(rows.train.size()), o);
  step::PairStepper stepper(run.model(), loss, o.micro_batch_tokens);
  print_rows(run, rows, order);
  if (loss.needs_reference()) {  // before begin(), which puts a resumed run's weights in place
    read_reference(run, stepper, visited(rows, order));
  }
  run.begin(order.steps());
  log_rows(run, order, rows.rejected, "decoded_pair",
           [&](size_t row) { return shown(rows.train[row], renderer.tokenizer()); });
  const std::vector<const step::Pair*> test = all_of(rows.test);
  const RowLoop loop{
      .name = name,
      .digits = 3,
      .step =
          [&](const std::vector<int64_t>& batch) {
            std::vector<const step::Pair*> pairs;
            for (int64_t row : batch) pairs.push_back(&rows.train[static_cast<size_t>(row)]);
            const step::PairResult result = stepper.train(pairs);
            return RowStep{
                .loss = result.loss,
                .tokens = result.read_tokens,
                .figures = figures_of(result, loss, ""),
                .shown = {fmt::format("accuracy {:.2f}", result.metrics.at("rewards/accuracies")),
                          fmt::format("margin {:.3f}", result.metrics.at("rewards/margins"))}};
          },
      .evaluate =
          [&](double epochs) {
            if (test.empty()) return;
            const step::PairResult result = stepper.evaluate(test);
            if (o.eval_steps > 0) run.judge(result.loss, false);
            Figures figures = figures_of(result, loss, "eval_");
            figures.insert(figures.begin(), {"eval_loss", result.loss});
            run.log_metrics(figures, epochs);
          }};
  return run_rows(run, order, loop,
                  {{"train", rows.train.size()},
                   {"test", rows.test.size()},
                   {"rejected", rows.rejected.size()}});
}

Result preference(const PreferenceOptions& options, const algo::PreferenceLoss& loss,
                  const Setting& setting) {
  Run run(options.common, setting);
  const chat::Renderer renderer(run.tokenizer(),
                                {.chat_template_path = options.chat_template_path,
                                 .eos_token = options.eos_token,
                                 .max_length = 0,
                                 .now_s = static_cast<int64_t>(clock::epoch_seconds())},
                                run.end_ids());
  return preference(run, pair_rows(options, renderer), loss, renderer, setting.command);
}

}  // namespace temper::train
