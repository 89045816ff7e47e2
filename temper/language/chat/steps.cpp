#include "temper/language/chat/steps.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::chat {
namespace {

/// What a limit leaves; 0: no limit.
int64_t kept(int64_t count, int64_t limit) {
  return limit > 0 ? std::min(count, limit) : count;
}

}  // namespace

void describe(config::Fields<StepOptions>& f) {
  using O = StepOptions;
  f.add("step_separator", &O::step_separator, "text behind every step; its last token is scored");
  f.add("max_length", &O::max_length, "longest prompt + steps in tokens; 0 = no limit").at_least(0);
  f.add("max_prompt_length", &O::max_prompt_length,
        "longest prompt in tokens, of which the end is kept; 0 = no limit")
      .at_least(0);
  f.add("max_completion_length", &O::max_completion_length,
        "longest steps together in tokens; 0 = no limit")
      .at_least(0);
  f.add("train_on_last_step_only", &O::train_on_last_step_only,
        "only the last step's label counts: an outcome reward model");
}

TokenSteps token_steps(const token::Tokenizer& tokenizer, const data::Row& row,
                       const StepOptions& options) {
  if (row.type != data::RowType::Stepwise) {
    throw Error({"wanted a stepwise row, got a " + data::name(row.type) + " row", row.where, ""});
  }
  const Json& value = *row.value;
  std::vector<token::Id> prompt = tokenizer.encode(value["prompt"].get<std::string>(), false);
  if (const auto bos = tokenizer.specials().bos) prompt.insert(prompt.begin(), *bos);
  const auto whole_prompt = std::ssize(prompt);
  prompt.erase(prompt.begin(), prompt.end() - kept(whole_prompt, options.max_prompt_length));
  TokenSteps made{.ids = prompt, .ends = {}, .labels = {}, .where = row.where, .unusable = ""};
  const std::vector<token::Id> separator = tokenizer.encode(options.step_separator, false);
  const bool labelled = value.contains("labels");
  const size_t count = value["completions"].size();
  for (size_t i = 0; i < count; ++i) {
    std::vector<token::Id> step =
        tokenizer.encode(value["completions"][i].get<std::string>(), false);
    step.insert(step.end(), separator.begin(), separator.end());
    if (step.empty()) made.unusable = "step " + std::to_string(i) + " has no token";
    made.ids.insert(made.ids.end(), step.begin(), step.end());
    if (options.train_on_last_step_only && i + 1 < count) continue;
    made.ends.push_back(static_cast<int32_t>(made.ids.size()) - 1);
    if (!labelled) continue;
    const Json& label = value["labels"][i];
    made.labels.push_back(label.is_boolean() ? (label.get<bool>() ? 1 : 0) : label.get<int64_t>());
  }
  const auto all = std::ssize(made.ids);
  const int64_t steps = kept(all - std::ssize(prompt), options.max_completion_length);
  made.ids.resize(static_cast<size_t>(kept(std::ssize(prompt) + steps, options.max_length)));
  made.truncated = std::ssize(made.ids) < all || std::ssize(prompt) < whole_prompt;
  while (!made.ends.empty() && made.ends.back() >= std::ssize(made.ids)) {
    made.ends.pop_back();
    if (labelled) made.labels.pop_back();
  }
  if (made.ends.empty() && made.unusable.empty())
    made.unusable = "no scored step is left after truncation";
  return made;
}

}  // namespace temper::chat
