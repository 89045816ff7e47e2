// Which part of a rendered conversation each message is, for templates that do not say so.
//
// The text is rendered for the conversation's beginnings. Message k begins where the rendering of
// the messages before it ends (an assistant's: with the generation prompt), and ends where the
// rendering that includes it ends; both count only if they are a prefix of the whole text. Where a
// template prints a beginning differently (it closes the conversation, or drops earlier reasoning),
// a marker is put at the end of the message's content and at the beginning of the next one's: if
// the text is the same but for the marker, the turn ends with the first stop token between the two.
// Nothing else is tried: the turn stays unfound.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/language/chat/renderer.h"

namespace temper::chat {
namespace {

constexpr const char* kSpace = " \t\r\n";

}  // namespace

std::optional<std::string> Renderer::prefix(const Conversation& talk, size_t count, bool prompt,
                                            const std::string& whole) const {
  Json messages(talk.messages->begin(), talk.messages->begin() + std::ptrdiff_t(count));
  if (count == 0) messages = Json::array();
  try {
    std::string text = render({&messages, talk.tools, talk.kwargs}, prompt).text;
    if (whole.starts_with(text)) return text;
  } catch (const Error&) {
    return std::nullopt;  // the template refuses this beginning: no boundary is known here
  }
  return std::nullopt;
}

std::optional<size_t> Renderer::content_edge(const Conversation& talk, size_t message, Edge edge,
                                             const std::string& whole) const {
  static const std::string kMarker = "Qz7edgeQz7";
  Json messages = *talk.messages;
  Json& content = messages[message]["content"];
  if (!content.is_string() || whole.find(kMarker) != std::string::npos) return std::nullopt;
  const auto given = content.get<std::string>();
  size_t first = std::min(given.find_first_not_of(kSpace), given.size());
  size_t last = given.find_last_not_of(kSpace) + 1;
  std::string trimmed = edge == Edge::Begin ? given.substr(first) : given.substr(0, last);
  for (const std::string& text : {given, trimmed}) {  // a template may trim what it prints
    content = edge == Edge::Begin ? kMarker + text : text + kMarker;
    std::string marked;
    try {
      marked = render({&messages, talk.tools, talk.kwargs}, false).text;
    } catch (const Error&) {
      return std::nullopt;
    }
    size_t at = marked.find(kMarker);
    if (at != std::string::npos && marked.erase(at, kMarker.size()) == whole) return at;
  }
  return std::nullopt;
}

std::optional<size_t> Renderer::end_of_turn(const Conversation& talk, size_t message, size_t begin,
                                            const std::string& whole) const {
  auto end = content_edge(talk, message, Edge::End, whole);
  auto next = content_edge(talk, message + 1, Edge::Begin, whole);
  size_t from = std::max(end.value_or(begin), begin);
  if (!next || from > *next) return std::nullopt;
  std::string between = whole.substr(from, *next - from);
  std::vector<size_t> stops;  // behind each stop token
  size_t bytes = 0;
  for (token::Id id : tokenizer_.encode(between, false)) {
    bytes += tokenizer_.bytes(id).size();
    if (is_stop(id)) stops.push_back(std::min(bytes, between.size()));
  }
  // Calls of tools stand behind the content, so its end is not known there: one stop token is then
  // the turn's, of several it could be any.
  if (stops.empty() || (!end && stops.size() > 1)) return std::nullopt;
  size_t space = between.find_first_not_of(kSpace, stops[0]);
  return from + std::min(space, between.size());
}

std::vector<Renderer::Turn> Renderer::turns(const Conversation& talk,
                                            const std::string& whole) const {
  std::vector<Turn> out;
  size_t count = talk.messages->size(), cursor = 0;
  for (size_t i = 0; i < count; ++i) {
    Turn turn{(*talk.messages)[i]["role"].get<std::string>(), cursor, cursor, cursor, true};
    bool last = i + 1 == count;
    auto closed = last ? std::optional(whole) : prefix(talk, i + 1, false, whole);
    if (turn.role == "assistant") {
      auto opened = prefix(talk, i, true, whole);
      if (opened) turn.begin = std::max(cursor, opened->size());
      std::optional<size_t> end;
      if (closed && closed->size() >= turn.begin) end = closed->size();
      if (!end && opened) end = end_of_turn(talk, i, turn.begin, whole);
      turn.found = opened && end && *end >= turn.begin;
      turn.end = turn.found ? *end : cursor;
      if (!turn.found) turn.begin = cursor;
    } else if (closed && closed->size() >= cursor) {
      turn.end = closed->size();
    } else {
      turn.found = false;
    }
    cursor = turn.end;
    out.push_back(turn);
  }
  return out;
}

bool Renderer::is_stop(token::Id id) const {
  return std::find(stop_ids_.begin(), stop_ids_.end(), id) != stop_ids_.end();
}

std::vector<token::Id> Renderer::find_stop_ids(const std::vector<token::Id>& end_ids) const {
  std::vector<token::Id> out;
  auto add = [&](token::Id id) {
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
  };
  if (eos_) add(*eos_);
  for (token::Id id : end_ids) add(id);
  if (!template_) return out;
  static const std::string kAnswer = "Qz7answerQz7";
  Json messages = Json::array({{{"role", "user"}, {"content", "a"}},
                               {{"role", "assistant"}, {"content", kAnswer}},
                               {{"role", "user"}, {"content", "b"}}});
  std::string text;
  try {
    text = render({&messages, nullptr, nullptr}, false).text;
  } catch (const Error&) {
    return out;  // a template for other conversations: its end of turn is not known
  }
  size_t answer = text.find(kAnswer);
  if (answer == std::string::npos) return out;
  // The token that closes an answer is the first special one behind it.
  for (token::Id id : tokenizer_.encode(text.substr(answer + kAnswer.size()), false)) {
    if (!tokenizer_.is_special(id)) continue;
    add(id);
    break;
  }
  return out;
}

}  // namespace temper::chat
