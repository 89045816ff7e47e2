// What a run will cost, before it starts: peak memory from what is allocated, time from the count
// of floating-point operations and a short probe of the machine's rate, and a refusal of what
// cannot fit.
//
//   FLOP = 2·W a row forward, 2·W more for the input's gradient and 2·W for the weights' (W:
//   numbers in the layers' matrices); the head 2·D·V a row that is predicted, four times that when
//   it is trained (its logits are computed again for the gradient)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/engine/weights/config.h"

namespace temper::plan {

struct Probe {
  double flops_per_s = 0;    ///< of the model's own product at 512 rows, all threads
  int64_t memory_bytes = 0;  ///< that this process may still take
};
/// Takes about `seconds`.
Probe probe(const weights::ModelConfig& config, kernel::Dtype dtype, double seconds = 0.7);

/// Tokens of a run.
struct Work {
  double read_rows = 0;       ///< prompt rows run by the sampler, and rows of evaluation
  double sampled_tokens = 0;  ///< each a row through layers and head
  double trained_rows = 0;    ///< rows through the trainer
  double trained_tokens = 0;  ///< of them, predicted ones
};

struct Shape {
  kernel::Dtype dtype = kernel::Dtype::BFloat16;
  model::Training training = model::Training::Full;
  model::LoraOptions lora;
  int64_t micro_batch_tokens = 2048;
  int64_t max_sequences = 0;    ///< sampled at once; 0: no sampling
  int64_t sequence_tokens = 0;  ///< prompt and completion of one
  bool reference_copy = false;  ///< a second, frozen model
};

struct Prediction {
  double flops = 0;
  double seconds = 0;
  int64_t peak_bytes = 0;
  std::vector<std::pair<std::string, int64_t>> memory;  ///< its parts
};

double flops(const weights::ModelConfig& config, const Work& work, model::Training training);
Prediction predict(const weights::ModelConfig& config, const Shape& shape, const Work& work,
                   const Probe& probe);

/// Throws Error that names the largest parts when the prediction is above what there is.
void refuse_if_too_large(const Prediction& prediction, const Probe& probe);

/// "2.6 GB peak · about 6 min · 145 TFLOP · limit: GEMM at 120 GFLOP/s"
std::string line(const Prediction& prediction, const Probe& probe);

}  // namespace temper::plan
