// From a row of logits to one token: temperature, top-k, top-p and min-p as transformers' logits
// processors apply them (in that order), then one draw by the inverse of the cumulative
// distribution.
#pragma once

#include <cstdint>
#include <vector>

#include "temper/language/chat/speaker.h"

namespace temper::sample {

struct Drawn {
  int32_t token;
  /// log-prob of the distribution drawn from: at the temperature, over the kept tokens when cut. At
  /// temperature 0 (greedy) it is the model's own log-prob, at temperature 1.
  float logp;
};

/// True when every token can be drawn, so that the log-prob is the trainer's.
bool whole_support(const chat::SamplingOptions& options);

/// Throws Error for options out of range.
void check(const chat::SamplingOptions& options);

/// `logits`: [vocabulary], undivided. u in (0, 1). `scratch` is reused between calls.
Drawn draw(const float* logits, int64_t vocabulary, const chat::SamplingOptions& options, double u,
           std::vector<float>& scratch);

}  // namespace temper::sample
