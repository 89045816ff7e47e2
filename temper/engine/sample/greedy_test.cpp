// What the demo's model says when it always takes the likeliest token, against transformers
// (golden/smollm2_logits.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/engine/sample/load.h"
#include "temper/engine/sample/sampler.h"
#include "temper/foundation/file/file.h"

namespace temper::sample {
namespace {

// Where transformers' two best logits lie closer than 1e-3 either may be said; the rest is then
// asked behind the one recorded.
TEST(GreedySlow, SaysWhatTransformersSays) {
  const std::string path = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!file::exists(path)) GTEST_SKIP() << "the demo's model is not there: dev/setup fetches it";
  const std::string vectors = SOURCE_DIR "/golden/smollm2_logits.json";
  const nlohmann::json greedy = nlohmann::json::parse(file::read_file(vectors)).at("greedy");
  const std::vector<int32_t> wanted = greedy.at("tokens").get<std::vector<int32_t>>();
  const std::vector<double> gaps = greedy.at("gaps").get<std::vector<double>>();
  const Loaded loaded = load(path, {.dtype = kernel::Dtype::Float32, .lora = {}});
  Sampler sampler(*loaded.model, loaded.tokenizer, {});
  chat::Request request;
  request.prompt = greedy.at("prompt").get<std::vector<int32_t>>();
  request.options.temperature = 0;
  for (size_t said = 0; said < wanted.size();) {
    request.options.max_tokens = static_cast<int64_t>(wanted.size() - said);
    const std::vector<int32_t> now = sampler.speak({&request, 1})[0][0].tokens;
    ASSERT_EQ(now.size(), static_cast<size_t>(request.options.max_tokens));
    for (size_t i = 0; i < now.size(); ++i) {
      request.prompt.push_back(wanted[said]);
      const size_t at = said++;
      if (now[i] == wanted[at]) continue;
      ASSERT_LT(gaps[at], 1e-3) << "token " << at << ": " << now[i] << " for " << wanted[at];
      break;
    }
  }
}

}  // namespace
}  // namespace temper::sample
