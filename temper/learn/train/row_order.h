// Which rows each optimizer step of a run visits: every epoch shuffles all rows anew, and its last
// step takes what is left.
#pragma once

#include <cstdint>
#include <vector>

#include "temper/learn/train/options.h"

namespace temper::train {

class RowOrder {
 public:
  RowOrder(int64_t rows, const CommonOptions& options);

  int64_t rows() const { return rows_; }
  int64_t batch_rows() const { return batch_rows_; }
  int64_t steps() const { return steps_; }  ///< of the run
  int64_t steps_an_epoch() const { return per_epoch_; }
  double epochs(int64_t steps) const;                ///< passed after so many steps
  std::vector<int64_t> of_step(int64_t step) const;  ///< indices of rows

 private:
  int64_t rows_, batch_rows_, per_epoch_, steps_;
  uint64_t seed_;
};

}  // namespace temper::train
