// The engine's Speaker and Scorer: continuous batching over one pool of key-value blocks. A
// request's prompt is run once, its samples share the prompt's blocks; each step runs one token of
// every sample that is being written beside a chunk of the prompts that wait. What a sample says
// depends on its request and its names in the random stream alone, not on the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "temper/engine/model/model.h"
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
  int64_t prompt_tokens = 0, sampled_tokens = 0;
};

class Sampler : public chat::Speaker, public chat::Scorer {
 public:
  /// `end_tokens` end a completion. The model and the tokenizer must outlive the sampler.
  Sampler(model::Model& model, const token::Tokenizer& tokenizer, std::vector<int32_t> end_tokens,
          const SamplerOptions& options = {});

  std::vector<std::vector<chat::Completion>> speak(
      std::span<const chat::Request> requests) override;
  std::vector<std::vector<float>> score(std::span<const std::vector<int32_t>> sequences) override;

  /// From here on tokens are drawn from (1 - share) · logits + share · those of `other`: a
  /// geometric mixture of two models over one vocabulary. `other` may be the sampler's own model:
  /// an adapter is left out of it. It must outlive the sampler.
  void mix(model::Model& other, double share);

  /// Called from speak() for every token, in the order drawn. Returning false ends all samples as
  /// they are.
  void listen(std::function<bool(const Event&)> listener) { listener_ = std::move(listener); }
  const SampleCount& count() const { return count_; }

 private:
  friend class Session;
  model::Model& model_;
  const token::Tokenizer& tokenizer_;
  std::vector<int32_t> end_tokens_;
  SamplerOptions options_;
  model::KvCache cache_;
  int64_t cache_blocks_ = 0;
  model::Model* mixed_ = nullptr;
  double mixed_share_ = 0;
  model::KvCache mixed_cache_;  // of the same blocks
  std::function<bool(const Event&)> listener_;
  SampleCount count_;
};

}  // namespace temper::sample
