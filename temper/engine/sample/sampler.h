// The engine's Speaker and Scorer: continuous batching over one pool of key-value blocks. A
// request's prompt is run once, its samples share the prompt's blocks; what a prompt begins with
// and an earlier one, or its answer, began with too is not run again while the weights stay. Each
// step runs one token of every sample that is being written beside a chunk of the prompts that
// wait. What a sample says depends on its request and its names in the random stream alone, not on
// the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/engine/sample/runner.h"
#include "temper/language/chat/speaker.h"
#include "temper/language/token/tokenizer.h"

namespace temper::sample {

struct SamplerOptions {
  int64_t max_sequences = 64;              ///< written at once
  int64_t prefill_rows = 256;              ///< prompt tokens in one step
  int64_t cache_bytes = int64_t{2} << 30;  ///< room for keys and values
};

/// One token as it is drawn, for streaming.
struct Event {
  int64_t request, sample;
  int32_t token;
};

struct SampleCount {
  int64_t prompt_tokens = 0;  ///< that were run
  int64_t reused_tokens = 0;  ///< of prompts, found in the cache
  int64_t sampled_tokens = 0;
};

class Sampler : public chat::Speaker, public chat::Scorer {
 public:
  /// `end_tokens` end a completion. The model and the tokenizer must outlive the sampler.
  Sampler(model::Model& model, const token::Tokenizer& tokenizer, std::vector<int32_t> end_tokens,
          const SamplerOptions& options = {});

  std::vector<std::vector<chat::Completion>> speak(
      std::span<const chat::Request> requests) override;
  std::vector<std::vector<float>> score(std::span<const std::vector<int32_t>> sequences) override;

  /// From here on tokens are drawn from a mixture with `other`, which must outlive the sampler
  /// (Runner::mix).
  void mix(model::Model& other, double share) { runner_.mix(other, share); }

  /// Called from speak() for every token, in the order drawn. Returning false ends all samples as
  /// they are.
  void listen(std::function<bool(const Event&)> listener) { listener_ = std::move(listener); }
  const SampleCount& count() const { return count_; }

 private:
  friend class Session;
  Runner runner_;
  const token::Tokenizer& tokenizer_;
  std::vector<int32_t> end_tokens_;
  SamplerOptions options_;
  std::function<bool(const Event&)> listener_;
  SampleCount count_;
};

}  // namespace temper::sample
