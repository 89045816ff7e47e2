#include "temper/learn/train/supervised.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/batch/bins.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/neftune.h"
#include "temper/learn/train/packing.h"
#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

/// Tokens that all rows begin with and none trains on: a system prompt, as a rule.
size_t common_beginning(std::span<const chat::TokenRow* const> rows) {
  size_t common = rows[0]->ids.size() - 1;
  for (const chat::TokenRow* row : rows) {
    common = std::min(common, row->ids.size() - 1);
    for (size_t i = 0; i < common; ++i) {
      if (row->ids[i] != rows[0]->ids[i] || row->trained[i] != 0) common = i;
    }
  }
  return common;
}

}  // namespace

std::vector<batch::Packed> packed(std::span<const chat::TokenRow* const> rows,
                                  const MicroBatches& wanted) {
  if (rows.empty()) return {};
  constexpr size_t kWorthSharing = 32;
  const size_t common = wanted.shares_beginning ? common_beginning(rows) : 0;
  const bool shared = rows.size() > 1 && common >= kWorthSharing;
  const std::ptrdiff_t skip = shared ? static_cast<std::ptrdiff_t>(common) : 0;
  std::vector<batch::Group> groups;
  for (size_t i = 0; i < rows.size(); ++i) {
    const chat::TokenRow& row = *rows[i];
    if (groups.empty() || !shared) {
      groups.push_back({.prompt = {row.ids.begin(), row.ids.begin() + skip}, .answers = {}});
    }
    groups.back().answers.push_back({{row.ids.begin() + skip, row.ids.end()},
                                     {row.trained.begin() + skip, row.trained.end()},
                                     static_cast<int64_t>(i)});
  }
  return batch::pack(groups, wanted.budget);
}

namespace {

int64_t tokens_of(std::span<const chat::TokenRow* const> rows) {
  int64_t tokens = 0;
  for (const chat::TokenRow* row : rows) tokens += static_cast<int64_t>(row->ids.size());
  return tokens;
}

RowTokens tokens_in(const std::vector<chat::TokenRow>& rows) {
  RowTokens tokens;
  for (const chat::TokenRow& row : rows)
    tokens.add(static_cast<int64_t>(row.ids.size()), row.trained_tokens());
  return tokens;
}

/// Shares of rows by length: "≤64: 12  ≤128: 30 …".
std::string histogram(const std::vector<chat::TokenRow>& rows) {
  std::string text;
  size_t below = 0;
  for (size_t limit = 32; below < rows.size(); limit *= 2) {
    size_t count = 0;
    for (const chat::TokenRow& row : rows) count += row.ids.size() <= limit ? 1 : 0;
    if (count > below)
      text += fmt::format("{}≤{}: {}", text.empty() ? "" : "  ", limit, count - below);
    below = count;
  }
  return text;
}

void add(chat::TokenRow row, std::vector<chat::TokenRow>& to, TokenRows& rows) {
  if (row.truncated) ++rows.truncated;
  if (row.trained_tokens() == 0) {
    ++rows.dropped;
    rows.rejected.push_back({row.where, row.truncated ? "no trained token is left after truncation"
                                                      : "no trained token"});
    return;
  }
  to.push_back(std::move(row));
}

}  // namespace

TokenRows token_rows(std::span<const data::Row> train, std::span<const data::Row> test,
                     const chat::Renderer& renderer) {
  TokenRows rows;
  for (const data::Row& row : train) add(renderer.row(row), rows.train, rows);
  for (const data::Row& row : test) add(renderer.row(row), rows.test, rows);
  return rows;
}

namespace {

void pack_rows(const SftOptions& options, TokenRows& rows) {
  const int64_t length = options.render.max_length;
  if (length < 2) {
    throw Error({fmt::format("packing needs a length to pack to, max_length is {}", length), "",
                 "--max_length 1024"});
  }
  if (options.packing_strategy == "wrapped") {
    rows.train = wrapped(rows.train, length);
    rows.test = wrapped(rows.test, length);
    return;
  }
  std::vector<int64_t> lengths;
  for (const chat::TokenRow& row : rows.train) lengths.push_back(std::ssize(row.ids));
  rows.bins = batch::best_fit_decreasing(lengths, length);
}

}  // namespace

TokenRows token_rows(const SftOptions& options, const chat::Renderer& renderer) {
  constexpr data::RowType kWanted[] = {data::RowType::Text, data::RowType::Messages,
                                       data::RowType::PromptCompletion};
  const data::Dataset dataset =
      data::read_dataset(options.data, kWanted, options.common.run_seed());
  constexpr size_t kLinted = 64;
  for (const std::string& warning :
       renderer.lint(std::span(dataset.train).first(std::min(kLinted, dataset.train.size())))) {
    runlog::print("note: " + warning + "\n");
  }
  TokenRows rows;
  data::each_row(dataset, options.data, rows,
                 [&](const data::Row& row, auto& to) { add(renderer.row(row), to, rows); });
  if (options.packing) pack_rows(options, rows);
  return rows;
}

Result supervised(Run& run, const TokenRows& rows, const chat::Renderer& renderer,
                  const algo::SupervisedLoss& loss, std::optional<double> neftune_noise_alpha) {
  const CommonOptions& o = run.options();
  require_rows({"rows", rows.train.size(), rows.test.size(), rows.truncated}, rows.rejected);
  const std::vector<std::vector<size_t>>& bins = rows.bins;
  const int64_t count = std::ssize(rows.train);
  const RowOrder order(bins.empty() ? count : std::ssize(bins), o);
  const plan::Work work = row_work(order, o, tokens_in(rows.train), tokens_in(rows.test));
  if (!run.foresee({.work = work}, order.steps())) return run.planned();
  run.begin(order.steps());
  log_rows(run, order, rows.rejected, "decoded_row",
           [&](size_t row) { return chat::show(rows.train[row], renderer.tokenizer(), false); });
  if (!run.brief()) {
    runlog::print(fmt::format(
        "rows       {} to train on, {} held out, {} dropped, {} truncated; tokens {}\n", count,
        rows.test.size(), rows.rejected.size(), rows.truncated, histogram(rows.train)));
    runlog::print(fmt::format(
        "batches    {} rows × {} → micro-batches of ≤ {} tokens → {} updates ({} an epoch)\n",
        o.per_device_train_batch_size, o.gradient_accumulation_steps, o.micro_batch_tokens,
        order.steps(), order.steps_an_epoch()));
    runlog::print("first row  " +
                  chat::show(rows.train[0], renderer.tokenizer(), run.terminal().color) + "\n");
  }
  step::Stepper stepper(run.model());
  std::vector<const chat::TokenRow*> test_rows;
  for (const chat::TokenRow& row : rows.test) test_rows.push_back(&row);
  const std::vector<batch::Packed> test = packed(test_rows, {.budget = o.micro_batch_tokens});
  const RowLoop loop{
      .name = run.command(),
      .digits = 2,
      .step =
          [&](const std::vector<int64_t>& batch) {
            std::vector<const chat::TokenRow*> chosen;
            for (int64_t row : batch) {
              const auto place = static_cast<size_t>(row);
              if (bins.empty()) {
                chosen.push_back(&rows.train[place]);
                continue;
              }
              for (size_t member : bins[place]) chosen.push_back(&rows.train[member]);
            }
            std::vector<batch::Packed> batches = packed(
                chosen, {.budget = o.micro_batch_tokens, .shares_beginning = !neftune_noise_alpha});
            if (neftune_noise_alpha) {
              ask_noise(batches, chosen,
                        {.alpha = *neftune_noise_alpha,
                         .seed = o.run_seed(),
                         .step = static_cast<uint32_t>(run.state().step),
                         .width = run.model().config().width});
            }
            const step::BatchResult result = stepper.supervised(batches, loss);
            return RowStep{.loss = result.loss,
                           .tokens = tokens_of(chosen),
                           .figures = {{"entropy", result.mean_entropy},
                                       {"mean_token_accuracy", result.token_accuracy}}};
          },
      .evaluate = [&]() -> std::optional<RowEvaluation> {
        if (test.empty() || o.eval_steps == 0) return std::nullopt;
        const step::BatchResult result = stepper.evaluate(test);
        return RowEvaluation{.figure = result.loss,
                             .figures = {{"mean_token_accuracy", result.token_accuracy}}};
      }};
  return run_rows(
      run, order, loop,
      {{"train", count}, {"test", rows.test.size()}, {"rejected", rows.rejected.size()}});
}

Result sft(const SftOptions& options, const algo::SupervisedLoss& loss, const Setting& setting) {
  Run run(options.common, setting);
  chat::RendererOptions render = options.render;
  render.now_s = static_cast<int64_t>(clock::epoch_seconds());
  if (options.packing && options.packing_strategy == "wrapped") render.max_length = 0;  // no cuts
  const chat::Renderer renderer(run.tokenizer(), render, run.end_ids());
  return supervised(run, token_rows(options, renderer), renderer, loss,
                    options.neftune_noise_alpha);
}

}  // namespace temper::train
