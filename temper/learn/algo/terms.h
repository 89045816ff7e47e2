// The algorithm seam. The loop runs the model and hands a member flat per-token leaves; the member
// returns undivided terms and says what one of them is per; the loop divides once, over the whole
// optimizer batch, and back-propagates ∂L/∂logp through the model. So micro-batches, packing and
// accumulation cannot change a result beyond rounding, and an algorithm knows no model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace temper::algo {

/// What one term is counted over.
enum class Per {
  Token,       ///< mean over the trained tokens of the optimizer batch
  AnswerMean,  ///< mean over an answer's tokens, then over answers
  AnswerSum,   ///< sum over an answer's tokens, then mean over answers
  Constant     ///< sum over tokens / (answers · `constant`)
};

enum class Fold { Mean, Least, Largest, Variance };

/// A per-token or per-answer value to be logged.
struct Metric {
  std::string name;
  std::vector<double> values;  ///< undivided; the loop folds them over the optimizer batch
  Fold fold = Fold::Mean;
};

struct Denominators {
  int64_t tokens = 0;   ///< trained tokens of the whole optimizer batch
  int64_t answers = 0;  ///< answers (sequences) of it, those left out of the statistics included
  int64_t kept = 0;     ///< tokens that the entropy mask keeps, where there is one
};

}  // namespace temper::algo
