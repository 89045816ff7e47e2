// What goes wrong silently: a model that is never taught to stop, a prompt that the model will not
// meet when it answers. And the row as a person reads it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/language/chat/renderer.h"

namespace temper::chat {
namespace {

constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kPlain = "\x1b[0m";

std::string shown(const std::string& text) {
  return text::to_line(Json(text));
}

}  // namespace

bool Renderer::answer_follows_prompt(const data::Row& row,
                                     const std::vector<token::Id>& ids) const {
  if (row.type != data::RowType::Messages) return true;
  Json value = *row.value;
  Json& messages = value["messages"];
  if (messages.size() < 2 || messages.back()["role"] != "assistant") return true;
  messages.erase(messages.size() - 1);
  value["prompt"] = std::move(messages);
  value.erase("messages");
  auto asked = prompt({.type = data::RowType::PromptOnly,
                       .conversational = true,
                       .value = std::make_shared<const Json>(std::move(value)),
                       .where = row.where});
  return asked.size() <= ids.size() && std::equal(asked.begin(), asked.end(), ids.begin());
}

std::vector<std::string> Renderer::lint(std::span<const data::Row> sample) const {
  int64_t whole = 0, ended = 0, truncated = 0, empty = 0, doubled = 0, apart = 0;
  std::string unended;
  for (const data::Row& row : sample) {
    if (row.type == data::RowType::PromptOnly) {
      if (prompt(row).empty()) throw Error({"the prompt is empty", row.where, ""});
      continue;
    }
    Draft drafted = draft(row);
    const auto& asked = drafted.prompt_ids;
    if (drafted.row.prompt_tokens < std::ssize(asked)) {
      std::vector<token::Id> lost(asked.begin() + drafted.row.prompt_tokens, asked.end());
      throw Error({"the prompt is not a token prefix of prompt + completion: its end " +
                       shown(tokenizer_.decode(lost)) +
                       " becomes other tokens when the completion follows",
                   row.where,
                   row.conversational
                       ? "use a chat template that prints a prompt the same way in both cases "
                         "(--chat_template_path)"
                       : "move the space at the end of the prompt to the start of the completion"});
    }
    apart += !answer_follows_prompt(row, drafted.row.ids);
    TokenRow made = finished(std::move(drafted.row));
    truncated += made.truncated;
    empty += made.trained_tokens() == 0;
    const auto& bos = tokenizer_.specials().bos;
    doubled += bos && !row.conversational && made.ids.size() > 1 && made.ids[0] == *bos &&
               made.ids[1] == *bos;
    if (made.truncated) continue;
    ++whole;
    bool ends = false;
    for (size_t i = 0; i < made.ids.size() && !ends; ++i) {
      ends = made.trained[i] && is_stop(made.ids[i]);
    }
    ended += ends;
    if (!ends && unended.empty()) unended = row.where;
  }
  if (whole > 0 && ended == 0) {
    std::string names;
    for (token::Id id : stop_ids_) {
      names += (names.empty() ? "'" : ", '") + std::string(tokenizer_.token(id)) + "'";
    }
    throw Error(
        {"no trained token ends a turn, so the model would not learn to stop; wanted one of " +
             (names.empty() ? "none (the tokenizer has no end token)" : names),
         unended,
         "name the token that ends a turn with --eos_token, or use a template whose "
         "assistant turn includes it (--chat_template_path)"});
  }
  std::vector<std::string> out;
  auto warn = [&](int64_t count, const std::string& what) {
    if (count > 0) {
      out.push_back(std::to_string(count) + " of " + std::to_string(sample.size()) + " rows " +
                    what);
    }
  };
  warn(whole - ended, "train no token that ends a turn, the first at " + unended);
  warn(truncated, "are cut to max_length = " + std::to_string(options_.max_length));
  warn(empty, "have no trained token left and are dropped");
  warn(apart, "have a last answer that does not follow its prompt as it would be asked");
  warn(doubled, "begin with two BOS tokens: the text holds one already");
  return out;
}

std::string show(const TokenRow& row, const token::Tokenizer& tokenizer, bool colour) {
  std::string out;
  for (size_t begin = 0; begin < row.ids.size();) {
    size_t end = begin + 1;
    while (end < row.ids.size() && row.trained[end] == row.trained[begin]) ++end;
    std::string text = tokenizer.decode(std::span(row.ids).subspan(begin, end - begin));
    if (row.trained[begin]) text = colour ? kGreen + text + kPlain : "⟦" + text + "⟧";
    out += text;
    begin = end;
  }
  return out;
}

}  // namespace temper::chat
