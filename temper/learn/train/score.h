// The score loop: scored sequences, a model with a score head, and a member of the score family
// that says what is learned. Pairs make reward models, solutions process reward models.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "temper/language/chat/steps.h"
#include "temper/learn/algo/score.h"
#include "temper/learn/step/score.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/preference.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// TRL's defaults of the reward trainer where they differ from the preference trainers'.
PairOptions reward_defaults();

struct PrmOptions {
  CommonOptions common;
  data::DatasetOptions data;
  std::string neutral_steps = "wrong";
  chat::StepOptions steps;
};
void describe(config::Fields<PrmOptions>& f);
PrmOptions prm_defaults();

/// What is scored: from a data set, or made in memory.
struct ScoreRows {
  std::string name;  ///< pairs, solutions
  std::vector<step::ScoreItem> train, test;
  std::vector<data::Rejected> rejected;
  int64_t truncated = 0;
  std::vector<std::string> notes;  ///< what the linter says
};

/// Runs `loss` over the rows.
Result score(Run& run, const ScoreRows& rows, const algo::ScoreLoss& loss);

/// The whole commands: open the run, read the data, train.
Result reward(const PairOptions& options, const algo::ScoreLoss& loss, const Setting& setting);
Result prm(const PrmOptions& options, const algo::ScoreLoss& loss, const Setting& setting);

}  // namespace temper::train
