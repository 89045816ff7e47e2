// render: conversations to text through a chat template, as transformers' apply_chat_template.
//
//   {"messages", "tools"?, "add_generation_prompt"?, "now"?, …template variables}
//     ->  {"text", "assistant_spans": [[begin, end]…]}
//
// Spans are what {% generation %} blocks printed, half open, in characters (code points); a
// template without such blocks gives none. `now` is seconds since 1970 or an ISO date, for
// strftime_now (UTC).
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/app/cli/open_model.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/utf8.h"
#include "temper/language/template/template.h"

namespace temper::cli::render {

struct Options {
  std::string model, template_;
  InputOptions lines;
};
void describe(config::Fields<Options>& f) {
  f.add("model", &Options::model, "the model whose template and special tokens to use")
      .alias("model_name_or_path");
  f.add("template", &Options::template_, "a Jinja file, instead of the model's template");
  f.include(&Options::lines);
}

/// "2026-01-31" or "2026-01-31T12:34:56", UTC.
int64_t from_iso(const std::string& text) {
  std::tm time{};
  const char* end = strptime(text.c_str(), "%Y-%m-%d", &time);
  if (end != nullptr && (*end == 'T' || *end == ' ')) end = strptime(end + 1, "%H:%M:%S", &time);
  if (end != nullptr && *end == 'Z') ++end;
  if (end == nullptr || *end != '\0') {
    throw Error({"now: '" + text + "' is not a date", "",
                 "wanted seconds since 1970, \"2026-01-31\" or \"2026-01-31T12:34:56\""});
  }
  return timegm(&time);
}

int64_t now_of(const Json& line) {
  const auto now = line.find("now");
  if (now == line.end() || now->is_null()) return static_cast<int64_t>(clock::epoch_seconds());
  if (now->is_string()) return from_iso(now->get<std::string>());
  constexpr double kMost = 2.5e11;  // the year 9891
  if (!now->is_number() || std::abs(now->get<double>()) > kMost) {
    throw Error({"now: wanted seconds since 1970 or a date, got " + now->dump(), "", ""});
  }
  return static_cast<int64_t>(std::floor(now->get<double>()));
}

/// transformers 5 gives a message's reasoning to templates under each name that they read.
Json with_reasoning(const Json& message) {
  if (!message.is_object()) return message;
  for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
    const auto held = message.find(key);
    if (held == message.end() || held->is_null()) continue;
    Json out = {{"thinking", *held}};
    for (const auto& [name, value] : message.items()) out[name] = value;
    out["reasoning_content"] = *held;
    return out;
  }
  return message;
}

class Answer {
 public:
  explicit Answer(const Options& options) {
    std::string source;
    if (!options.model.empty()) {
      const token::Tokenizer tokenizer = sample::load_tokenizer(model_path(options.model));
      const auto& specials = tokenizer.specials();
      auto name = [&](const char* key, std::optional<token::Id> id) {
        if (id) special_[key] = std::string(tokenizer.token(*id));
      };
      name("bos_token", specials.bos);
      name("eos_token", specials.eos);
      name("unk_token", specials.unk);
      name("pad_token", specials.pad);
      source = specials.chat_template;
    }
    if (!options.template_.empty()) source = file::read_file(options.template_);
    if (source.empty()) {
      throw Error(options.model.empty()
                      ? ErrorParts{"no template is given", "command line",
                                   "--model M, or --template T.jinja"}
                      : ErrorParts{"the tokenizer has no chat template", options.model,
                                   "give one with --template T.jinja"});
    }
    template_.emplace(jinja::Template::parse(
        source, options.template_.empty() ? "the chat template" : options.template_));
  }

  Json operator()(const Json& line) const {
    const auto messages = line.find("messages");
    if (messages == line.end() || !messages->is_array()) {
      throw Error({"messages: wanted a list of messages", "", ""});
    }
    Json variables = special_;
    variables["tools"] = variables["documents"] = nullptr;
    variables["add_generation_prompt"] = false;
    for (const auto& [key, value] : line.items()) {
      if (key != "now") variables[key] = value;
    }
    for (Json& message : variables["messages"]) message = with_reasoning(message);
    const jinja::Rendered rendered = template_->render(variables, now_of(line));
    const std::string_view text = rendered.text;
    auto characters = [&](size_t bytes) { return text::count_code_points(text.substr(0, bytes)); };
    Json spans = Json::array();
    for (const jinja::ByteSpan& span : rendered.assistant) {
      spans.push_back(Json::array({characters(span.begin), characters(span.end)}));
    }
    return {{"text", rendered.text}, {"assistant_spans", spans}};
  }

 private:
  Json special_ = Json::object();
  std::optional<jinja::Template> template_;
};

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const char* usage = "--model M | --template T.jinja < lines.jsonl";
  if (ask(config::bind(options), args, "render", usage).help) return Exit::Done;
  const Answer answer(options);
  each_line(options.lines.input, context, [&](const Json& line) { return answer(line); });
  return ended(context);
}

extern const Command entry = {"plumbing", "conversations to text through a chat template", run};

}  // namespace temper::cli::render
