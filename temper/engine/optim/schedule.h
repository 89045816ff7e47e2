// Learning rate over steps, with transformers' names and formulas (get_scheduler): a linear rise
// from 0 over the warm-up steps, then constant, a line to 0, or half a cosine to 0.
#pragma once

#include <cstdint>
#include <string>

namespace temper::optim {

struct Schedule {
  std::string kind = "linear";  ///< linear, cosine, constant, constant_with_warmup
  double peak = 0;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;
};

/// Of the update made at `step`, from 0.
double learning_rate(const Schedule& schedule, int64_t step);

}  // namespace temper::optim
