// The two things that rewards, search, self-play and evaluation ask of a model. The engine, a
// remote endpoint and a scripted double implement them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "temper/foundation/random/random.h"

namespace temper::chat {

/// How the next token is drawn. Defaults draw from the model's own distribution.
struct SamplingOptions {
  double temperature = 1;  ///< 0 = greedy
  double top_p = 1;        ///< keep the smallest set of tokens with this much probability; 1 = all
  int64_t top_k = 0;       ///< keep the k most likely; 0 = all
  double min_p = 0;        ///< keep tokens with at least this share of the largest probability
  int64_t max_tokens = 512;       ///< of the completion, the end token included
  std::vector<std::string> stop;  ///< text that ends a completion; cut from `text`, its tokens stay
  std::vector<int32_t> stop_tokens;  ///< besides the model's own end tokens
  bool ignore_end = false;           ///< do not stop at the model's end tokens
};

/// One prompt, to be answered `samples` times. (seed, purpose, step, prompt, sample) name the
/// random stream: equal names give equal tokens whatever else is in the batch.
struct Request {
  std::vector<int32_t> prompt;
  int64_t samples = 1;
  SamplingOptions options;
  uint64_t seed = 42;
  random::Purpose purpose = random::Purpose::Request;
  uint32_t step = 0;
  uint32_t prompt_id = 0;
  uint32_t first_sample = 0;
};

enum class Finish {
  Stop,
  Length
};  ///< an end token or stop text; max_tokens or the context ran out

struct Completion {
  std::vector<int32_t> tokens;  ///< as sampled, the end token included
  std::vector<float>
      logp;  ///< log π(token) under the distribution it was drawn from; nats, <= 0; one a token
  std::string text;  ///< decoded, without special tokens and stop text
  Finish finish = Finish::Length;
};

class Speaker {
 public:
  virtual ~Speaker() = default;
  /// [request][sample], in order. Blocks. Throws Error for a prompt that is empty or longer than
  /// the context.
  virtual std::vector<std::vector<Completion>> speak(std::span<const Request> requests) = 0;
};

class Scorer {
 public:
  virtual ~Scorer() = default;
  /// log π(token t | tokens before it), for t = 1 …, temperature 1; one list a sequence. Blocks.
  virtual std::vector<std::vector<float>> score(
      std::span<const std::vector<int32_t>> sequences) = 0;
};

}  // namespace temper::chat
