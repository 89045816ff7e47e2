// The loop over the rows of a data set, which supervised and preference training share.
#pragma once

#include <functional>
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

struct RowLoop {
  std::string name;  ///< on the progress line
  int digits = 2;    ///< of the loss there
  std::function<RowStep(const std::vector<int64_t>& rows)> step;
  std::function<void(double epochs)> evaluate;  ///< every eval_steps, and after the last step
};

/// Begins the log of a run that begins: the rows that were left out, and the first batch as the
/// trainer sees it.
void log_rows(Run& run, const RowOrder& order, const std::vector<data::Rejected>& rejected,
              const std::string& name, const std::function<std::string(size_t row)>& shown);

/// Runs to the end, or until it is interrupted; `run` has begun. `rows`: counts for the summary.
Result run_rows(Run& run, const RowOrder& order, const RowLoop& loop, const Json& rows);

}  // namespace temper::train
