// Process reward models: solutions whose steps are labelled right or wrong.
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/learn/train/score.h"

namespace temper::train {

void describe(config::Fields<PrmOptions>& f) {
  f.include(&PrmOptions::common);
  f.group("data");
  f.include(&PrmOptions::data);
  f.group("tokens");
  f.include(&PrmOptions::steps);
}

PrmOptions prm_defaults() {
  PrmOptions options;
  options.common.learning_rate = 1e-5;
  return options;
}

Result prm(const PrmOptions& options, const algo::ScoreLoss& loss, const Setting& setting) {
  Run run(options.common, setting, weights::HeadKind::Token);
  constexpr data::RowType kWanted[] = {data::RowType::Stepwise};
  data::Dataset dataset = data::read_dataset(options.data, kWanted, options.common.run_seed());
  ScoreRows rows{.name = "solutions", .train = {}, .test = {}, .rejected = {}, .notes = {}};
  auto render = [&](const std::vector<data::Row>& from, std::vector<step::ScoreItem>& to) {
    for (const data::Row& row : from) {
      data::guarded(options.data, row.where, rows.rejected, [&] {
        if (!row.value->contains("labels")) {
          throw Error({"the row has no 'labels'", row.where,
                       "give true or false for each of its completions"});
        }
        chat::TokenSteps made = chat::token_steps(run.tokenizer(), row, options.steps);
        rows.truncated += made.truncated ? 1 : 0;
        if (!made.unusable.empty()) {
          rows.rejected.push_back({made.where, made.unusable});
          return;
        }
        to.push_back({.answers = {{std::move(made.ids), std::move(made.ends)}},
                      .right = std::move(made.labels)});
      });
    }
  };
  render(dataset.train, rows.train);
  render(dataset.test, rows.test);
  rows.rejected.insert(rows.rejected.end(), dataset.rejected.begin(), dataset.rejected.end());
  return score(run, rows, loss);
}

}  // namespace temper::train
