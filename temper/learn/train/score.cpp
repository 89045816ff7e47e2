#include "temper/learn/train/score.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "temper/learn/train/row_loop.h"

namespace temper::train {
namespace {

/// The answers decoded, a mark behind every scored token.
std::string shown(const step::ScoreItem& item, const token::Tokenizer& tokenizer) {
  std::string text = tokenizer.decode(item.prompt);
  size_t read = 0;
  for (const step::ScoredAnswer& answer : item.answers) {
    if (item.answers.size() > 1) text += read == 0 ? "\n[chosen] " : "\n[rejected] ";
    auto begin = answer.tokens.begin();
    for (int32_t place : answer.places) {
      const auto end = answer.tokens.begin() + place + 1;
      const std::string label = item.right.empty() ? "" : " " + std::to_string(item.right[read]);
      text += tokenizer.decode(std::vector<int32_t>(begin, end)) + "⟦score" + label + "⟧";
      begin = end;
      ++read;
    }
    text += tokenizer.decode(std::vector<int32_t>(begin, answer.tokens.end()));
  }
  return text;
}

/// No vocabulary is looked at: scores cost next to nothing.
RowTokens tokens_in(const std::vector<step::ScoreItem>& items) {
  RowTokens tokens;
  for (const step::ScoreItem& item : items) {
    tokens.add(std::ssize(item.prompt), 0);
    for (const step::ScoredAnswer& answer : item.answers) tokens.add(std::ssize(answer.tokens), 0);
  }
  return tokens;
}

Figures figures_of(const step::ScoreResult& result) {
  return {result.metrics.begin(), result.metrics.end()};
}

}  // namespace

Result score(Run& run, const ScoreRows& rows, const algo::ScoreLoss& loss) {
  const CommonOptions& o = run.options();
  const RowCounts counts{rows.name, rows.train.size(), rows.test.size(), rows.truncated};
  require_rows(counts, rows.rejected);
  const RowOrder order(static_cast<int64_t>(rows.train.size()), o);
  step::ScoreStepper stepper(run.model(), loss, o.micro_batch_tokens);
  print_rows(run, order, counts, rows.rejected, rows.notes);
  const plan::Work work = row_work(order, o, tokens_in(rows.train), tokens_in(rows.test));
  if (!run.foresee({.work = work}, order.steps())) return run.planned();
  run.begin(order.steps());
  log_rows(run, order, rows.rejected, "decoded_row",
           [&](size_t row) { return shown(rows.train[row], run.tokenizer()); });
  std::vector<const step::ScoreItem*> test;
  for (const step::ScoreItem& item : rows.test) test.push_back(&item);
  const RowLoop loop{.name = run.command(),
                     .digits = 3,
                     .step =
                         [&](const std::vector<int64_t>& batch) {
                           std::vector<const step::ScoreItem*> items;
                           for (int64_t row : batch)
                             items.push_back(&rows.train[static_cast<size_t>(row)]);
                           const step::ScoreResult result = stepper.train(items);
                           return RowStep{.loss = result.loss,
                                          .tokens = result.read_tokens,
                                          .figures = figures_of(result),
                                          .shown = {fmt::format("accuracy {:.2f}",
                                                                result.metrics.at("accuracy"))}};
                         },
                     .evaluate = [&]() -> std::optional<RowEvaluation> {
                       if (test.empty()) return std::nullopt;
                       const step::ScoreResult result = stepper.evaluate(test);
                       return RowEvaluation{.figure = result.loss, .figures = figures_of(result)};
                     }};
  return run_rows(run, order, loop,
                  {{"train", rows.train.size()},
                   {"test", rows.test.size()},
                   {"rejected", rows.rejected.size()}});
}

}  // namespace temper::train
