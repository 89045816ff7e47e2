// The preference loop: pairs, or single answers with labels, become tokens, the model that the run
// starts from is asked once what it holds of them (the reference), and a member of the preference
// family says what is learned.
#pragma once

#include <string>
#include <vector>

#include "temper/language/chat/pair.h"
#include "temper/learn/step/preference.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::train {

struct PreferenceOptions {
  CommonOptions common;
  data::DatasetOptions data;
  std::string chat_template_path, eos_token;
  int64_t max_length = 1024;  ///< of prompt + answer, in tokens; 0 = no limit
  std::string truncation_mode = "keep_start";
};
void describe(config::Fields<PreferenceOptions>& f);

/// Pairs, or single answers, as tokens: from a data set, or made in memory.
struct PairRows {
  std::vector<step::Pair> train, test;
  int64_t max_length = 0;  ///< that they were cut to
  std::vector<data::Rejected> rejected;
  int64_t truncated = 0;
  std::vector<std::string> notes;  ///< what the linter says
};
/// How rows are read: single answers with labels, of pairs too; the column `margin` of pairs.
struct PairReading {
  bool unpaired = false, margins = false;
};
/// Rows that cannot be used are counted and listed.
PairRows pair_rows(const PreferenceOptions& options, const chat::Renderer& renderer,
                   const PairReading& reading = {});
/// What makes them tokens.
chat::Renderer pair_renderer(const PreferenceOptions& options, const Run& run);

/// Runs `loss` over the pairs; `name` stands before the progress. The reference's sums are kept in
/// output_dir/reference.jsonl, so that a resumed run has those of the model it began with.
Result preference(Run& run, PairRows rows, const algo::PreferenceLoss& loss,
                  const chat::Renderer& renderer, const std::string& name);

/// The whole command: opens the run, reads the data, trains.
Result preference(const PreferenceOptions& options, const algo::PreferenceLoss& loss,
                  const Setting& setting);

}  // namespace temper::train
