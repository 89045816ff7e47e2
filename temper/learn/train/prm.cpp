// Process reward models: solutions whose steps are labelled right or wrong.
#include <nlohmann/json.hpp>

#include "temper/language/data/solutions.h"
#include "temper/learn/train/score.h"

namespace temper::train {

void describe(config::Fields<PrmOptions>& f) {
  f.include(&PrmOptions::common);
  f.group("data");
  f.include(&PrmOptions::data);
  f.add("neutral_steps", &PrmOptions::neutral_steps,
        "what PRM800K's steps of rating 0 count as: wrong, or right")
      .choices({"wrong", "right"});
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
  constexpr data::RowType kWanted[] = {data::RowType::Stepwise, data::RowType::Other};
  data::Dataset dataset = data::read_dataset(options.data, kWanted, options.common.run_seed());
  ScoreRows rows{.name = "solutions", .train = {}, .test = {}, .rejected = {}, .notes = {}};
  const data::Neutral neutral =
      options.neutral_steps == "right" ? data::Neutral::Right : data::Neutral::Wrong;
  data::each_row(dataset, options.data, rows, [&](const data::Row& row, auto& to) {
    for (const data::Row& solution : data::solutions(row, neutral)) {
      chat::TokenSteps made = chat::token_steps(run.tokenizer(), solution, options.steps);
      rows.truncated += made.truncated ? 1 : 0;
      if (!made.unusable.empty()) {
        rows.rejected.push_back({made.where, made.unusable});
        continue;
      }
      to.push_back({.answers = {{std::move(made.ids), std::move(made.ends)}},
                    .right = std::move(made.labels)});
    }
  });
  return score(run, rows, loss);
}

}  // namespace temper::train
