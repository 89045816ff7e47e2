// The page's sections, each a piece of HTML; "" where the run has nothing for it.
#pragma once

#include <string>
#include <vector>

#include "temper/app/report/run_folder.h"

namespace temper::report {

/// The whole document.
std::string page(const RunFolder& run);

/// Every evaluation of the run, in order, with its label: "Before", "After SFT", …
struct Evaluated {
  std::string label;
  const Phase* phase;  ///< its rollouts; null when only the summary knows it
  JsonPtr summary;     ///< the figures in summary.json; null when it has none
};
std::vector<Evaluated> evaluations(const RunFolder& run);

/// after − before over the prompts that both hold.
struct Gain {
  Interval gain;
  size_t prompts = 0;
};
Gain paired_gain(const Phase& before, const Phase& after);

std::string evaluation_html(const std::vector<Evaluated>& all);
/// Answers to the same held-out prompts before and after; where there are none, training answers.
std::string samples_html(const RunFolder& run, const std::vector<Evaluated>& all);
/// Name plate, verdict and remarks.
std::string header_html(const RunFolder& run, const std::vector<Evaluated>& all);
/// What the plan said against what happened.
std::string plan_html(const RunFolder& run);

}  // namespace temper::report
