// score: log-probs of given tokens.
//
//   {"tokens"} or {"prompt", "completion"}  ->  {"tokens", "logprobs"}
//
// logprobs[i] = log π(tokens[i+1] | tokens[0 … i]), natural log, temperature 1. `prompt` may be
// text, token ids or `messages`; the completion is encoded by itself behind it.
#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/app/cli/open_model.h"

namespace temper::cli::score {

struct Options {
  ModelOptions model;
  InputOptions lines;
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.include(&Options::lines);
}

Json answer(const Json& value, const OpenModel& model) {
  Line line(value);
  const int64_t vocabulary = model.loaded->model->config().vocabulary;
  std::vector<int32_t> tokens;
  if (line.has("tokens")) {
    tokens = line.ids("tokens", vocabulary);
    line.finish();
  } else {
    const Json* completion = line.find("completion");
    if (completion == nullptr) {
      throw Error({"wanted 'tokens', or 'prompt' and 'completion'", "", ""});
    }
    tokens = prompt_ids(line, model);
    const std::vector<int32_t> ids =
        completion->is_array() || model.renderer == nullptr
            ? line.ids("completion", vocabulary)
            : model.tokenizer().encode(*line.text("completion"), false);
    line.finish();
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  }
  if (tokens.empty()) throw Error({"there are no tokens to score", "", ""});
  std::vector<std::vector<float>> logp =
      model.sampler->score(std::span<const std::vector<int32_t>>(&tokens, 1));
  return {{"tokens", tokens}, {"logprobs", logp[0]}};
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const char* usage = "--model M [--dtype float32] < lines.jsonl";
  if (ask(config::bind(options), args, "score", usage).help) return Exit::Done;
  const OpenModel model = open_model(options.model, {.needs_tokenizer = false});
  each_line(options.lines.input, context, [&](const Json& line) { return answer(line, model); });
  return ended(context);
}

extern const Command entry = {"plumbing", "log-probs of given tokens", run};

}  // namespace temper::cli::score
