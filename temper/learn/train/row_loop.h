// The loop over the rows of a data set, which supervised, preference and score training share.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "temper/language/data/dataset.h"
#include "temper/learn/train/row_order.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// What one batch gave; its gradients are in the model's store.
struct RowStep {
  double loss = 0;
  int64_t tokens = 0;                   ///< read
  Figures figures = {};                 ///< logged beside the loss
  std::vector<std::string> shown = {};  ///< on the progress line, behind the loss
};

/// What an evaluation gave; the names get eval_ in front.
struct RowEvaluation {
  double figure = 0;  ///< by which the best model is found
  Figures figures = {};
  std::string name = "loss";  ///< of `figure`
  bool higher_is_better = false;
};

struct RowLoop {
  std::string name;  ///< on the progress line
  int digits = 2;    ///< of the loss there
  std::function<RowStep(const std::vector<int64_t>& rows)> step;
  std::function<void()> updated = {};  ///< after every step, which has been counted
  /// Every eval_steps, and after the last step; nothing without rows to evaluate on.
  std::function<std::optional<RowEvaluation>()> evaluate;
  std::function<Json()> summary = {};  ///< more for summary.json, at the end
};

/// How many rows a run has.
struct RowCounts {
  std::string name;  ///< pairs, solutions, …
  size_t train = 0, test = 0;
  int64_t truncated = 0;
};
/// Throws Error where none is left to train on.
void require_rows(const RowCounts& counts, const std::vector<data::Rejected>& rejected);
/// Says what there is, with the linter's notes.
void print_rows(const Run& run, const RowOrder& order, const RowCounts& counts,
                const std::vector<data::Rejected>& rejected, const std::vector<std::string>& notes);

/// Begins the log of a run that begins: the rows that were left out, and the first batch as the
/// trainer sees it.
void log_rows(Run& run, const RowOrder& order, const std::vector<data::Rejected>& rejected,
              const std::string& name, const std::function<std::string(size_t row)>& shown);

/// Runs to the end, or until it is interrupted; `run` has begun. `rows`: counts for the summary.
Result run_rows(Run& run, const RowOrder& order, const RowLoop& loop, const Json& rows);

}  // namespace temper::train
