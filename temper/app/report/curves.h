// The curves of a stage: which metrics are drawn together, under which names, thinned to what a
// screen can show.
#pragma once

#include <string>

#include "temper/app/report/run_folder.h"

namespace temper::report {

struct Curves {
  std::string html;  ///< a figure for each chart
  /// {"axes": {"step", "tokens", "seconds"}, "charts": [{"id", "series": [{"label", "style",
  /// "values"}]}]} for page.js.
  JsonPtr data;
  int64_t rows_per_point = 1;  ///< more than 1: points are means over so many rows
};

/// `prefix` makes the ids of this stage's canvases differ from another's.
Curves curves(const Stage& stage, const std::string& prefix);

}  // namespace temper::report
