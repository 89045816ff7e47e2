// Plain and conversational rows to tokens and masks; prompts.
#include "temper/language/chat/renderer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/language/chat/offsets.h"

namespace temper::chat {
namespace {

struct Published {
  std::string source, where, eos;
};

/// A tokenizer_config's token: a string, or an object with `content`.
std::string token_text(const Json& config, const char* key) {
  auto held = config.find(key);
  if (held == config.end()) return "";
  if (held->is_object() && held->contains("content")) held = held->find("content");
  return held->is_string() ? held->get<std::string>() : "";
}

/// The template of a file, or of a folder with a tokenizer's files and then its end token too.
Published template_at(const std::string& path) {
  if (!file::exists(path)) {
    throw Error(
        {"chat_template_path '" + path + "' is neither a file nor a folder", "",
         "give a Jinja file, or a folder with chat_template.jinja or tokenizer_config.json"});
  }
  if (!file::is_folder(path)) return {file::read_file(path), path, ""};
  Published out{"", path, ""};
  std::string jinja = path + "/chat_template.jinja", config_path = path + "/tokenizer_config.json";
  if (file::exists(config_path)) {
    Json config = text::parse_json(file::read_file(config_path), config_path);
    if (config.is_object()) {
      out.eos = token_text(config, "eos_token");
      if (auto held = config.find("chat_template"); held != config.end() && held->is_string()) {
        out.source = held->get<std::string>();
        out.where = config_path;
      }
    }
  }
  if (file::exists(jinja)) out.source = file::read_file(jinja), out.where = jinja;
  if (out.source.empty()) {
    throw Error({"no chat template in this folder", path,
                 "wanted chat_template.jinja, or 'chat_template' in tokenizer_config.json"});
  }
  return out;
}

/// A message as transformers hands it to a template: without null keys, and with its reasoning
/// under the names that templates read.
Json message_for_template(const Json& given) {
  Json out = Json::object();
  const Json* reasoning = nullptr;
  for (const char* key : {"reasoning_content", "thinking", "reasoning"}) {
    if (auto held = given.find(key); !reasoning && held != given.end() && !held->is_null()) {
      reasoning = &*held;
    }
  }
  if (reasoning) out["thinking"] = *reasoning;
  for (const auto& [key, value] : given.items()) {
    if (!value.is_null()) out[key] = value;
  }
  if (reasoning) out["reasoning_content"] = *reasoning;
  return out;
}

void append_messages(Json& to, const Json& from) {
  for (const Json& message : from) to.push_back(message_for_template(message));
}

const Json* column(const Json& row, const char* name) {
  auto held = row.find(name);
  return held == row.end() ? nullptr : &*held;
}

int64_t common_prefix(const std::vector<token::Id>& a, const std::vector<token::Id>& b) {
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

/// Gives every run of equally trained tokens a span of its own.
std::vector<Span> split_by_mask(const std::vector<Span>& spans,
                                const std::vector<uint8_t>& trained) {
  std::vector<Span> out;
  for (const Span& span : spans) {
    for (int64_t begin = span.begin; begin < span.end;) {
      int64_t end = begin + 1;
      while (end < span.end && trained[size_t(end)] == trained[size_t(begin)]) ++end;
      out.push_back({begin, end, span.role, span.turn, trained[size_t(begin)] != 0});
      begin = end;
    }
  }
  return out;
}

}  // namespace

void describe(config::Fields<RendererOptions>& f) {
  f.add("chat_template_path", &RendererOptions::chat_template_path,
        "chat template to use: a Jinja file, or a folder with a tokenizer's files");
  f.add("eos_token", &RendererOptions::eos_token, "end token, instead of the tokenizer's");
  f.add("completion_only_loss", &RendererOptions::completion_only_loss,
        "train on completions alone; unset: where rows have a prompt and a completion");
  f.add("assistant_only_loss", &RendererOptions::assistant_only_loss,
        "train on the assistant's turns alone");
  f.add("max_length", &RendererOptions::max_length, "longest row in tokens; 0 = no limit")
      .at_least(0);
  f.add("truncation_mode", &RendererOptions::truncation_mode, "which end of a long row is kept")
      .choices({"keep_start", "keep_end"});
}

int64_t TokenRow::trained_tokens() const {
  return std::count(trained.begin(), trained.end(), uint8_t{1});
}

Renderer::Renderer(token::Tokenizer tokenizer, RendererOptions options,
                   std::vector<token::Id> end_ids)
    : tokenizer_(std::move(tokenizer)), options_(std::move(options)) {
  eos_ = tokenizer_.specials().eos;
  Published published{tokenizer_.specials().chat_template, "the tokenizer's chat template", ""};
  if (!options_.chat_template_path.empty()) published = template_at(options_.chat_template_path);
  const std::string& eos = options_.eos_token.empty() ? published.eos : options_.eos_token;
  if (!eos.empty()) {
    eos_ = tokenizer_.id(eos);
    if (!eos_) {
      throw Error({"the end token '" + eos + "' is not in the vocabulary",
                   options_.eos_token.empty() ? published.where : "eos_token",
                   "name a token of this model with --eos_token"});
    }
  }
  if (!published.source.empty()) {
    template_ = jinja::Template::parse(published.source, published.where);
  }
  stop_ids_ = find_stop_ids(end_ids);
}

token::Id Renderer::eos() const {
  if (!eos_) throw Error({"the tokenizer has no end token", "", "name one with --eos_token"});
  return *eos_;
}

const jinja::Template& Renderer::chat_template() const {
  if (!template_) {
    throw Error({"messages need a chat template, and this tokenizer has none", "",
                 "give one with --chat_template_path, or rows of plain text (text, or prompt and "
                 "completion as strings)"});
  }
  return *template_;
}

jinja::Rendered Renderer::render(const Conversation& talk, bool add_generation_prompt) const {
  const auto& specials = tokenizer_.specials();
  Json variables = {{"messages", *talk.messages},
                    {"tools", talk.tools ? *talk.tools : Json()},
                    {"documents", Json()},
                    {"add_generation_prompt", add_generation_prompt}};
  auto name = [&](const char* key, std::optional<token::Id> id) {
    if (id) variables[key] = tokenizer_.token(*id);
  };
  name("bos_token", specials.bos);
  name("eos_token", eos_);
  name("unk_token", specials.unk);
  name("pad_token", specials.pad);
  if (talk.kwargs) {
    for (const auto& [key, value] : talk.kwargs->items()) variables[key] = value;
  }
  return chat_template().render(variables, options_.now_s);
}

std::string Renderer::prompt_text(const std::vector<Message>& messages, const Json* tools,
                                  bool add_generation_prompt, const Json* kwargs) const {
  Json list = Json::array();
  for (const Message& message : messages) {
    list.push_back(message_for_template(to_json(message)));
  }
  return render({&list, tools, kwargs}, add_generation_prompt).text;
}

std::vector<token::Id> Renderer::prompt(const std::vector<Message>& messages, const Json* tools,
                                        bool add_generation_prompt, const Json* kwargs) const {
  return tokenizer_.encode(prompt_text(messages, tools, add_generation_prompt, kwargs), false);
}

std::vector<token::Id> Renderer::prompt(const data::Row& row) const {
  try {
    const Json* prompt = column(*row.value, "prompt");
    if (!prompt) throw Error({"the row has no prompt", "", ""});
    if (!row.conversational) return tokenizer_.encode(prompt->get<std::string>(), true);
    Json list = Json::array();
    append_messages(list, *prompt);
    const Json* tools = column(*row.value, "tools");
    if (tools && tools->empty()) tools = nullptr;
    const Json* kwargs = column(*row.value, "chat_template_kwargs");
    return tokenizer_.encode(render({&list, tools, kwargs}, true).text, false);
  } catch (const Error& error) {
    throw error.at(row.where);
  }
}

void Renderer::draft_plain(const data::Row& row, Draft& draft) const {
  if (options_.assistant_only_loss) {
    throw Error({"assistant_only_loss needs messages, got a " + data::name(row.type) + " row", "",
                 "leave it away: completions alone are trained where rows have them"});
  }
  TokenRow& out = draft.row;
  std::string end(tokenizer_.token(eos()));
  auto ended = [&](std::string text) { return text.ends_with(end) ? text : text + end; };
  if (row.type == data::RowType::Text) {
    out.ids = tokenizer_.encode(ended((*row.value)["text"].get<std::string>()), true);
    out.trained.assign(out.ids.size(), 1);
    out.spans = {{0, std::ssize(out.ids), "text", 0, true}};
    return;
  }
  auto prompt = (*row.value)["prompt"].get<std::string>();
  draft.prompt_ids = tokenizer_.encode(prompt, true);
  out.ids = tokenizer_.encode(prompt + ended((*row.value)["completion"].get<std::string>()), true);
  out.prompt_tokens = common_prefix(draft.prompt_ids, out.ids);
  out.trained.assign(out.ids.size(), 1);
  out.spans = {{0, out.prompt_tokens, "prompt", 0, false},
               {out.prompt_tokens, std::ssize(out.ids), "completion", 1, true}};
}

void Renderer::mark_assistant(const jinja::Rendered& whole, const std::vector<Turn>& turns,
                              Draft& draft) const {
  Offsets offsets(tokenizer_, whole.text, draft.row.ids);
  std::vector<uint8_t> assistant(draft.row.ids.size(), 0);
  auto mark = [&](size_t begin, size_t end) {
    if (begin >= end) return;
    int64_t first = offsets.token_at(begin), last = offsets.token_after(end);
    for (int64_t i = first; i < last; ++i) assistant[size_t(i)] = 1;
  };
  // Some templates end a turn by the next message's first token alone.
  auto mark_stop = [&](size_t begin, size_t end) {
    const auto& ids = draft.row.ids;
    int64_t first = offsets.token_at(begin), last = offsets.token_after(end);
    bool stops = std::any_of(ids.begin() + first, ids.begin() + last,
                             [&](token::Id id) { return is_stop(id); });
    if (!stops && last < std::ssize(ids) && is_stop(ids[size_t(last)])) assistant[size_t(last)] = 1;
  };
  bool blocks = chat_template().has_generation_blocks();
  if (blocks) {
    for (const auto& span : whole.assistant) mark(span.begin, span.end);
  } else {
    for (size_t i = 0; i < turns.size(); ++i) {
      if (turns[i].role != "assistant") continue;
      if (!turns[i].found) {
        throw Error(
            {"the chat template prints the beginning of this conversation differently from "
             "the whole, so the assistant's turn (message " +
                 std::to_string(i) + ") cannot be told apart",
             "",
             "give a template with {% generation %} blocks by --chat_template_path, or "
             "prompt and completion columns instead of --assistant_only_loss"});
      }
      mark(turns[i].begin, turns[i].end);
      mark_stop(turns[i].begin, turns[i].end);
    }
  }
  if (std::find(assistant.begin(), assistant.end(), 1) == assistant.end()) {
    throw Error({"assistant_only_loss: the row has no assistant token", "",
                 blocks ? "the template's {% generation %} blocks printed nothing"
                        : "every row needs a message whose role is assistant"});
  }
  for (size_t i = 0; i < assistant.size(); ++i) draft.row.trained[i] &= assistant[i];
}

void Renderer::draft_conversation(const data::Row& row, Draft& draft) const {
  TokenRow& out = draft.row;
  const Json& value = *row.value;
  const Json *tools = column(value, "tools"), *kwargs = column(value, "chat_template_kwargs");
  Json messages = Json::array();
  bool pair = row.type == data::RowType::PromptCompletion;
  if (pair) {
    append_messages(messages, value["prompt"]);
    draft.prompt_ids = tokenizer_.encode(render({&messages, tools, kwargs}, true).text, false);
  }
  append_messages(messages, value[pair ? "completion" : "messages"]);
  Conversation talk{&messages, tools, kwargs};
  jinja::Rendered whole = render(talk, false);
  out.ids = tokenizer_.encode(whole.text, false);
  out.prompt_tokens = common_prefix(draft.prompt_ids, out.ids);
  out.trained.assign(out.ids.size(), 1);

  // Spans are for reading; long conversations, whose beginnings cost the square, go without.
  constexpr size_t kLongest = 64;
  bool needed = options_.assistant_only_loss && !chat_template().has_generation_blocks();
  std::vector<Turn> found;
  if (needed || messages.size() <= kLongest) found = turns(talk, whole.text);
  if (options_.assistant_only_loss) mark_assistant(whole, found, draft);

  Offsets offsets(tokenizer_, whole.text, out.ids);
  int64_t cursor = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i].found) continue;
    int64_t end = std::max(cursor, offsets.token_after(found[i].end));
    if (end > cursor) out.spans.push_back({cursor, end, found[i].role, int(i), false});
    cursor = end;
  }
  if (cursor < std::ssize(out.ids)) {
    out.spans.push_back({cursor, std::ssize(out.ids), messages.back()["role"].get<std::string>(),
                         int(messages.size()) - 1, false});
  }
}

Renderer::Draft Renderer::draft(const data::Row& row) const {
  try {
    if (row.type != data::RowType::Text && row.type != data::RowType::Messages &&
        row.type != data::RowType::PromptCompletion) {
      throw Error({"wanted a text, messages or prompt-completion row, got a " +
                       data::name(row.type) + " row",
                   "", ""});
    }
    Draft draft;
    row.conversational ? draft_conversation(row, draft) : draft_plain(row, draft);
    if (row.type == data::RowType::PromptCompletion &&
        options_.completion_only_loss.value_or(true)) {
      std::fill_n(draft.row.trained.begin(), draft.row.prompt_tokens, uint8_t{0});
    }
    draft.row.where = row.where;
    return draft;
  } catch (const Error& error) {
    throw error.at(row.where);
  }
}

TokenRow Renderer::finished(TokenRow row) const {
  int64_t size = std::ssize(row.ids), most = options_.max_length;
  if (most > 0 && size > most) {
    int64_t cut = options_.truncation_mode == "keep_end" ? size - most : 0;
    row.truncated = true;
    row.ids = {row.ids.begin() + cut, row.ids.begin() + cut + most};
    row.trained = {row.trained.begin() + cut, row.trained.begin() + cut + most};
    row.prompt_tokens = std::clamp<int64_t>(row.prompt_tokens - cut, 0, most);
    for (Span& span : row.spans) {
      span.begin = std::clamp<int64_t>(span.begin - cut, 0, most);
      span.end = std::clamp<int64_t>(span.end - cut, 0, most);
    }
  }
  row.spans = split_by_mask(row.spans, row.trained);
  return row;
}

TokenRow Renderer::row(const data::Row& row) const {
  return finished(draft(row).row);
}

}  // namespace temper::chat
