#include "temper/learn/train/row_order.h"

#include <algorithm>
#include <cmath>

namespace temper::train {

RowOrder::RowOrder(int64_t rows, const CommonOptions& o)
    : rows_(rows),
      batch_rows_(o.per_device_train_batch_size * o.gradient_accumulation_steps),
      per_epoch_((rows + batch_rows_ - 1) / batch_rows_),
      steps_(o.max_steps > 0 ? o.max_steps
                             : static_cast<int64_t>(std::ceil(static_cast<double>(per_epoch_) *
                                                              o.num_train_epochs))),
      seed_(o.run_seed()) {}

double RowOrder::epochs(int64_t steps) const {
  return static_cast<double>(steps) / static_cast<double>(per_epoch_);
}

std::vector<int64_t> RowOrder::of_step(int64_t step) const {
  const std::vector<int64_t> order = data::epoch_order(rows_, seed_, step / per_epoch_);
  const int64_t begin = step % per_epoch_ * batch_rows_;
  return {order.begin() + begin, order.begin() + std::min(rows_, begin + batch_rows_)};
}

}  // namespace temper::train
