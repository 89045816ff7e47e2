// A score is read from the row of its own token, where a language model would predict the next one:
// so an answer is packed with one more token behind it, which is never read, and the tokens behind
// its places count as trained.
#include "temper/learn/step/score.h"

#include <algorithm>

#include "temper/foundation/error/error.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/head_pass.h"
#include "temper/learn/step/score_pass.h"

namespace temper::step {
namespace {

int64_t rows_of(const ScoreItem& item) {
  size_t rows = item.prompt.size();
  for (const ScoredAnswer& answer : item.answers) rows += answer.tokens.size();
  return static_cast<int64_t>(rows);
}

batch::Packed packed(std::span<const ScoreItem* const> items) {
  std::vector<batch::Group> groups;
  for (const ScoreItem* item : items) {
    batch::Group& group = groups.emplace_back();
    group.prompt = item->prompt;
    for (const ScoredAnswer& scored : item->answers) {
      batch::Answer answer{.tokens = scored.tokens, .trained = {}, .id = 0};
      answer.tokens.push_back(0);
      answer.trained.resize(answer.tokens.size(), 0);
      for (int32_t place : scored.places) answer.trained.at(static_cast<size_t>(place) + 1) = 1;
      group.answers.push_back(std::move(answer));
    }
  }
  return batch::pack_all(groups);
}

algo::ScoreNumbers numbers(const ScorePass& pass, std::span<const ScoreItem* const> items) {
  algo::ScoreNumbers numbers{.labels = pass.labels,
                             .values = {pass.values.begin(), pass.values.end()},
                             .right = {},
                             .margin = {}};
  for (const ScoreItem* item : items) {
    numbers.right.insert(numbers.right.end(), item->right.begin(), item->right.end());
    if (item->right.empty()) numbers.margin.push_back(item->margin);
  }
  return numbers;
}

}  // namespace

ScoreResult ScoreStepper::run(std::span<const ScoreItem* const> items, Gradients gradients) {
  std::vector<int64_t> costs;
  size_t terms = 0;
  for (const ScoreItem* item : items) {
    costs.push_back(rows_of(*item));
    terms += std::max<size_t>(1, item->right.size());
  }
  ScoreResult result;
  FoldedMetrics metrics;
  for (size_t size : batch::runs(costs, budget_tokens_)) {
    const auto part = items.first(size);
    items = items.subspan(size);
    const batch::Packed rows = packed(part);
    ScorePass pass{.model = model_, .packed = rows};
    gradients == Gradients::Added ? pass.forward(activations_) : pass.infer();
    const algo::ScoreSlopes own =
        algo::slopes(loss_, numbers(pass, part), static_cast<int64_t>(terms));
    result.loss += own.loss;
    metrics.add(own.metrics);
    if (gradients == Gradients::Added) {
      pass.backward(activations_, std::vector<float>(own.slopes.begin(), own.slopes.end()));
    }
    for (const ScoreItem* item : part) result.read_tokens += rows_of(*item);
  }
  result.metrics = metrics.values();
  return result;
}

ScoreResult ScoreStepper::train(std::span<const ScoreItem* const> items) {
  return run(items, Gradients::Added);
}

ScoreResult ScoreStepper::evaluate(std::span<const ScoreItem* const> items) {
  return run(items, Gradients::None);
}

std::vector<float> scores(model::Model& model, const ScoreItem& item) {
  const weights::ModelConfig& config = model.config();
  auto check = [&](const std::vector<int32_t>& tokens) {
    for (int32_t id : tokens) {
      if (id >= 0 && id < config.vocabulary) continue;
      throw Error({"there is no token " + std::to_string(id) + " in the model's vocabulary of " +
                       std::to_string(config.vocabulary),
                   "", "use the model's own tokenizer"});
    }
  };
  check(item.prompt);
  for (const ScoredAnswer& answer : item.answers) check(answer.tokens);
  if (rows_of(item) > config.max_positions) {
    throw Error({"the sequence has " + std::to_string(rows_of(item)) +
                     " tokens, the model's context holds " + std::to_string(config.max_positions),
                 "", "shorten it"});
  }
  const ScoreItem* one = &item;
  const batch::Packed rows = packed({&one, 1});
  ScorePass pass{.model = model, .packed = rows};
  pass.infer();
  return pass.values;
}

}  // namespace temper::step
