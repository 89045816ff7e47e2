// The preference loop: pairs, or single answers with labels, become tokens, the model that the run
// starts from is asked once what it holds of them (the reference), and a member of the preference
// family says what is learned.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "temper/language/chat/pair.h"
#include "temper/learn/step/preference.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Pairs and how they become tokens.
struct PairOptions {
  CommonOptions common;
  data::DatasetOptions data;
  std::string chat_template_path, eos_token;
  int64_t max_length = 1024;  ///< of prompt + answer, in tokens; 0 = no limit
  std::string truncation_mode = "keep_start";
};
void describe(config::Fields<PairOptions>& f);

/// Their description, for what derives from them.
template <class O>
void describe_pairs(config::Fields<O>& f) {
  f.include(&O::common);
  f.group("data");
  f.include(&O::data);
  f.group("tokens");
  f.add("chat_template_path", &O::chat_template_path,
        "chat template to use: a Jinja file, or a folder with a tokenizer's files");
  f.add("eos_token", &O::eos_token, "end token, instead of the tokenizer's");
  f.add("max_length", &O::max_length, "longest prompt + answer in tokens; 0 = no limit")
      .at_least(0);
  f.add("truncation_mode", &O::truncation_mode,
        "a pair that is too long keeps its beginning, or is left out")
      .choices({"keep_start", "drop"});
}

/// The same, and the reference that answers are measured against.
struct PreferenceOptions : PairOptions {
  SyncOptions sync;
  std::optional<bool> precompute_ref_log_probs;  ///< unset: unless the reference is synced
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
/// How rows are read: single answers with labels, of pairs too; answers worth imitating, as chosen
/// ones without a partner; the column `margin` of pairs.
struct PairReading {
  bool unpaired = false, demonstrations = false, margins = false;
};
/// Rows that cannot be used are counted and listed.
PairRows pair_rows(const PairOptions& options, const chat::Renderer& renderer,
                   const PairReading& reading = {});
/// What makes them tokens.
chat::Renderer pair_renderer(const PairOptions& options, const Run& run);

/// What is logged of a step beside the loss.
Figures figures_of(const step::PairResult& result, const algo::PreferenceLoss& loss);
/// What stands behind the loss on the progress line.
std::vector<std::string> progress_of(const std::map<std::string, double>& metrics);

/// The whole command: opens the run, reads the data, trains. The reference's sums are kept in
/// output_dir/reference.jsonl, so that a resumed run has those of the model it began with; or a
/// copy of that model is asked at every step.
Result preference(const PreferenceOptions& options, const algo::PreferenceLoss& loss,
                  const Setting& setting);

}  // namespace temper::train
