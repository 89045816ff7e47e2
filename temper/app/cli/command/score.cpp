// score: what a model holds of given tokens: log-probs, or what its score head says.
//
//   {"tokens"} or {"prompt", "completion"}  ->  {"tokens", "logprobs"}
//
// logprobs[i] = log π(tokens[i+1] | tokens[0 … i]), natural log, temperature 1. `prompt` may be
// text, token ids or `messages`; the completion is encoded by itself behind it. A reward model
// reads rows as it was trained on them, to their end token:
//
//   {"tokens"}, {"prompt", "completion"}, {"messages"} or {"text"}  ->  {"tokens", "reward"}
//
// and a process reward model says for each step how probable it finds it right, σ(z_1 - z_0):
//
//   {"prompt", "completions"} or {"tokens", "step_ends"}  ->  {"tokens", "step_ends",
//                                                              "step_rewards"}
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/app/cli/open_model.h"
#include "temper/language/chat/steps.h"
#include "temper/learn/step/score.h"

namespace temper::cli::score {

struct Options {
  ModelOptions model;
  InputOptions lines;
  std::string chat_template_path, eos_token, step_separator = "\n";
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.include(&Options::lines);
  f.add("chat_template_path", &Options::chat_template_path,
        "chat template to use: a Jinja file, or a folder with a tokenizer's files");
  f.add("eos_token", &Options::eos_token, "end token, instead of the tokenizer's");
  f.add("step_separator", &Options::step_separator,
        "text behind every step, as the process reward model was trained with it");
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

/// The columns of a row that the line may have, as the trainers read them.
data::Row row_of(Line& line, std::span<const data::RowType> wanted,
                 std::initializer_list<const char*> columns) {
  Json value = Json::object();
  for (const char* column : columns) {
    if (const Json* held = line.find(column)) value[column] = *held;
  }
  return data::make_row(std::move(value), "", wanted);
}

void need_tokenizer(const OpenModel& model) {
  if (model.renderer != nullptr) return;
  throw Error(
      {"text needs a tokenizer, and the model's folder has none", model.path, "give token ids"});
}

Json reward(const Json& value, const OpenModel& model) {
  Line line(value);
  const weights::ModelConfig& config = model.loaded->model->config();
  std::vector<int32_t> tokens;
  if (line.has("tokens")) {
    tokens = line.ids("tokens", config.vocabulary);
    line.finish();
  } else {
    need_tokenizer(model);
    constexpr data::RowType kWanted[] = {data::RowType::PromptCompletion, data::RowType::Messages,
                                         data::RowType::Text};
    const data::Row row =
        row_of(line, kWanted,
               {"prompt", "completion", "messages", "text", "tools", "chat_template_kwargs"});
    line.finish();
    tokens = model.renderer->row(row).ids;
  }
  if (tokens.empty()) throw Error({"there are no tokens to score", "", ""});
  const auto place = static_cast<int32_t>(model::scored_token(tokens, config.pad_id));
  const step::ScoreItem item{.answers = {{tokens, {place}}}};
  return {{"tokens", tokens}, {"reward", step::scores(*model.loaded->model, item)[0]}};
}

void check_ends(const chat::TokenSteps& steps) {
  const std::vector<int32_t>& ends = steps.ends;
  const bool rises =
      std::adjacent_find(ends.begin(), ends.end(), std::greater_equal<>()) == ends.end();
  if (!ends.empty() && rises && ends.back() < std::ssize(steps.ids)) return;
  throw Error({"step_ends: wanted places of tokens, from 0 to " +
                   std::to_string(std::ssize(steps.ids) - 1) + ", ascending",
               "", ""});
}

Json step_rewards(const Json& value, const OpenModel& model, const Options& options) {
  Line line(value);
  const weights::ModelConfig& config = model.loaded->model->config();
  chat::TokenSteps steps{};
  if (line.has("tokens")) {
    steps.ids = line.ids("tokens", config.vocabulary);
    steps.ends = line.ids("step_ends", std::numeric_limits<int32_t>::max());
    line.finish();
    check_ends(steps);
  } else {
    need_tokenizer(model);
    constexpr data::RowType kWanted[] = {data::RowType::Stepwise};
    const data::Row row = row_of(line, kWanted, {"prompt", "completions"});
    line.finish();
    steps = chat::token_steps(
        model.tokenizer(), row,
        {.step_separator = options.step_separator, .max_length = 0, .max_prompt_length = 0});
    if (!steps.unusable.empty()) throw Error({steps.unusable, "", ""});
  }
  const step::ScoreItem item{.answers = {{steps.ids, steps.ends}}};
  const std::vector<float> scores = step::scores(*model.loaded->model, item);
  Json rewards = Json::array();
  for (size_t i = 0; i < scores.size(); i += 2) {
    rewards.push_back(1 / (1 + std::exp(double{scores[i]} - double{scores[i + 1]})));
  }
  return {{"tokens", steps.ids}, {"step_ends", steps.ends}, {"step_rewards", rewards}};
}

/// What answers a line, by the model's head.
Json answer_by_head(const Json& line, const OpenModel& model, const Options& options) {
  const weights::ModelConfig& config = model.loaded->model->config();
  if (config.head == weights::HeadKind::Language) return answer(line, model);
  const bool steps = config.head == weights::HeadKind::Token;
  if (config.labels != (steps ? 2 : 1)) {
    throw Error({"the model's score head has " + std::to_string(config.labels) +
                     " labels: wanted 1 of a reward model, or 2 of a process reward model",
                 model.path, ""});
  }
  return steps ? step_rewards(line, model, options) : reward(line, model);
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const char* usage = "--model M [--dtype float32] < lines.jsonl";
  if (ask(config::bind(options), args, "score", usage).help) return Exit::Done;
  const OpenModel model =
      open_model(options.model, {.render = {.chat_template_path = options.chat_template_path,
                                            .eos_token = options.eos_token,
                                            .max_length = 0},
                                 .needs_tokenizer = false,
                                 .any_head = true});
  each_line(options.lines.input, context,
            [&](const Json& line) { return answer_by_head(line, model, options); });
  return ended(context);
}

extern const Command entry = {"plumbing", "log-probs or rewards of given tokens", run};

}  // namespace temper::cli::score
