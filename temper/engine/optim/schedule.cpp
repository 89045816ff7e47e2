#include "temper/engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "temper/foundation/error/error.h"

namespace temper::optim {

double learning_rate(const Schedule& schedule, int64_t step) {
  if (schedule.kind == "constant") return schedule.peak;
  if (step < schedule.warmup_steps) {
    return schedule.peak * static_cast<double>(step) /
           static_cast<double>(std::max<int64_t>(1, schedule.warmup_steps));
  }
  if (schedule.kind == "constant_with_warmup") return schedule.peak;
  const double decaying =
      static_cast<double>(std::max<int64_t>(1, schedule.total_steps - schedule.warmup_steps));
  if (schedule.kind == "linear") {
    return schedule.peak *
           std::max(0.0, static_cast<double>(schedule.total_steps - step) / decaying);
  }
  if (schedule.kind == "cosine") {
    const double progress = static_cast<double>(step - schedule.warmup_steps) / decaying;
    return schedule.peak * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
  }
  throw Error({"unknown lr_scheduler_type '" + schedule.kind + "'", "",
               "one of linear, cosine, constant, constant_with_warmup"});
}

}  // namespace temper::optim
