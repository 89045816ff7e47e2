// What a run will cost, before it starts: peak memory from what is allocated, time from the count
// of floating-point operations and a short probe of the machine's rates, and a refusal of what
// cannot fit.
//
//   FLOP = 2·W a row forward, 2·W more for the input's gradient and 2·W for the weights' (W:
//   numbers in the layers' matrices); the head 2·D·V a row that is predicted, four times that when
//   it is trained (its logits are computed again for the gradient)
//   time = products + decoding + attention + optimizer; one decoded token of each of n sequences
//   takes max(bytes of weights / read bandwidth, FLOP / rate of products of n rows)
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/engine/weights/config.h"

namespace temper::plan {

struct Probe {
  double flops_per_s = 0;         ///< of the model's own product at 512 rows, all threads
  double decode_flops_per_s = 0;  ///< of the same at as many rows as sequences are written at once
  double bytes_per_s = 0;         ///< read from memory, all threads
  int64_t memory_bytes = 0;       ///< that this process may still take
};
struct Probing {
  kernel::Dtype dtype = kernel::Dtype::BFloat16;
  int64_t sequences = 1;  ///< written at once
  double seconds =
      1;  ///< it may take; 0: only the room is looked at, below 0.1 not the memory's rate
};
Probe probe(const weights::ModelConfig& config, const Probing& how);

/// Tokens of a run.
struct Work {
  double read_rows = 0;       ///< prompt rows run by the sampler, and rows of evaluation
  double scored_tokens = 0;   ///< of them, those whose log-probs are read
  double sampled_tokens = 0;  ///< each a row through layers and head
  double trained_rows = 0;    ///< rows through the trainer
  double trained_tokens = 0;  ///< of them, predicted ones
  double context = 0;         ///< positions that a row looks at, on average
  double sequences = 1;       ///< written at once, on average
  double steps = 0;           ///< of the optimizer
  double other_flops = 0;     ///< of another model's products
};

struct Shape {
  kernel::Dtype dtype = kernel::Dtype::BFloat16;
  model::Training training = model::Training::Full;
  model::LoraOptions lora;
  int64_t micro_batch_tokens = 2048;
  bool gradient_checkpointing = false;
  bool byte_moments = false;              ///< the optimizer's, see kernel/adamw_8bit.h
  int64_t max_sequences = 0;              ///< sampled at once; 0: no sampling
  int64_t sequence_tokens = 0;            ///< prompt and completion of one
  bool reference_copy = false;            ///< a second, frozen model
  int64_t other_bytes = 0;                ///< of another model
  kernel::QuantiseOptions quantise = {};  ///< of the layers' frozen matrices
};

struct Prediction {
  double flops = 0;
  double seconds = 0;
  int64_t peak_bytes = 0;
  std::vector<std::pair<std::string, int64_t>> memory;  ///< its parts
  std::vector<std::pair<std::string, double>> time;     ///< likewise, seconds
  std::string limit;                                    ///< what most of the time goes to
};

/// What is done to the rows that are trained on.
struct Passes {
  model::Training training = model::Training::Full;
  bool gradient_checkpointing = false;
  bool decomposed = false;  ///< DoRA: the layers' outputs once more
};
double flops(const weights::ModelConfig& config, const Work& work, const Passes& passes);
Prediction predict(const weights::ModelConfig& config, const Shape& shape, const Work& work,
                   const Probe& probe);

/// Throws Error that names the largest parts when the prediction is above what there is.
void refuse_if_too_large(const Prediction& prediction, const Probe& probe);

/// "2.6 GB peak · about 6 min · 145 TFLOP · limit: GEMM at 120 GFLOP/s"; `at_most`: not about.
std::string line(const Prediction& prediction, const Probe& probe, bool at_most = false);
/// "40 s", "12 min", "3.5 h".
std::string duration(double seconds);

}  // namespace temper::plan
