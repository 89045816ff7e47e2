// One row: which dataset type its columns make, ShareGPT and Alpaca columns renamed, lists checked,
// the prompt of a preference row taken out of its two answers.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/language/data/dataset.h"

namespace temper::data {
namespace {

std::string columns(const Json& value) {
  std::string out;
  for (const auto& [key, unused] : value.items()) out += (out.empty() ? "" : ", ") + key;
  return out.empty() ? "none" : out;
}

std::string joined(std::span<const RowType> types) {
  std::string out;
  for (RowType type : types) out += (out.empty() ? "" : " or ") + name(type);
  return (out.starts_with("unpaired") ? "an " : "a ") + out;
}

/// ShareGPT's names of roles.
std::string role_of(const std::string& from) {
  if (from == "human") return "user";
  if (from == "gpt") return "assistant";
  if (from == "observation") return "tool";
  return from;
}

void check_messages(Json& list, const std::string& column, const std::string& where) {
  auto bad = [&](const std::string& what) {
    throw Error({what, where, "a message is {\"role\": \"user\", \"content\": \"…\"}"});
  };
  if (list.empty()) bad("'" + column + "' holds no message");
  for (size_t i = 0; i < list.size(); ++i) {
    Json& message = list[i];
    std::string place = column + "[" + std::to_string(i) + "]";
    if (!message.is_object()) {
      bad(place + ": wanted a message, got " + std::string(message.type_name()));
    }
    if (message.contains("from") && message.contains("value") && !message.contains("role")) {
      if (!message["from"].is_string()) bad(place + ".from: wanted a string");
      std::string role = role_of(message["from"].get<std::string>());
      if (role == "function_call") {
        bad(place + ": ShareGPT's function_call is not read; give tool_calls");
      }
      Json renamed = {{"role", role}, {"content", message["value"]}};
      for (const auto& [key, extra] : message.items()) {
        if (key != "from" && key != "value") renamed[key] = extra;
      }
      message = std::move(renamed);
    }
    auto role = message.find("role");
    if (role == message.end()) bad(place + ": no 'role'; found " + columns(message));
    if (!role->is_string()) {
      bad(place + ".role: wanted a string, got " + std::string(role->type_name()));
    }
    auto content = message.find("content");
    if (content != message.end() && !content->is_string() && !content->is_null()) {
      bad(place + ".content: wanted a string, got " + std::string(content->type_name()));
    }
    bool empty = content == message.end() || content->is_null();
    if (empty && !message.contains("tool_calls")) {
      bad(place + ": neither 'content' nor 'tool_calls'; found " + columns(message));
    }
  }
}

/// Whether the column is a message list; a string is not, anything else is refused.
bool is_conversation(Json& value, const std::string& column, const std::string& where) {
  Json& held = value[column];
  if (held.is_string()) return false;
  if (!held.is_array()) {
    throw Error({"'" + column + "': wanted a string or a list of messages, got " +
                     std::string(held.type_name()),
                 where, ""});
  }
  check_messages(held, column, where);
  return true;
}

/// Tools and template arguments may stand as JSON or as a string of JSON.
void unpack(Json& value, const std::string& column, bool list, const std::string& where) {
  auto held = value.find(column);
  if (held == value.end()) return;
  if (held->is_string()) {
    *held = text::parse_json(held->get<std::string>(), where + ", column '" + column + "'");
  }
  if (list ? !held->is_array() : !held->is_object()) {
    throw Error({"'" + column + "': wanted " + (list ? "a list" : "an object") + ", got " +
                     std::string(held->type_name()),
                 where, ""});
  }
}

void rename_published(Json& value) {
  if (value.contains("conversations") && !value.contains("messages")) {
    value["messages"] = std::move(value["conversations"]);
    value.erase("conversations");
  }
  if (value.contains("instruction") && value.contains("output") && !value.contains("prompt") &&
      value["instruction"].is_string() && value["output"].is_string()) {
    std::string prompt = value["instruction"].get<std::string>();
    if (auto input = value.find("input"); input != value.end() && input->is_string()) {
      if (const auto text = input->get<std::string>(); !text.empty()) prompt += "\n\n" + text;
    }
    value["prompt"] = Json::array({{{"role", "user"}, {"content", prompt}}});
    value["completion"] = Json::array({{{"role", "assistant"}, {"content", value["output"]}}});
    for (const char* key : {"instruction", "input", "output"}) value.erase(key);
  }
}

/// How many leading elements two texts or lists share, as TRL 1.16's extract_prompt counts them: at
/// least one element is left to each, and a space before the difference goes to the answers.
size_t shared_prompt(const Json& chosen, const Json& rejected) {
  auto common = [](const auto& a, const auto& b) {
    return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                               a.begin());
  };
  if (chosen.is_array()) {
    return std::min(common(chosen, rejected), std::min(chosen.size(), rejected.size()) - 1);
  }
  const std::string a = chosen.get<std::string>(), b = rejected.get<std::string>();
  const size_t most = std::min(a.size(), b.size());
  const bool differ = common(a, b) < most;
  size_t end = differ ? common(a, b) : std::max<size_t>(most, 1) - 1;
  while (end > 0 && (static_cast<unsigned char>(a[end]) & 0xC0) == 0x80) --end;  // within a letter
  return differ && end > 0 && a[end - 1] == ' ' ? end - 1 : end;
}

/// Makes `prompt`, `chosen` and `rejected` three strings or three message lists; true for lists. A
/// prompt that is a string beside message lists repeats what they begin with, and is left out.
bool make_preference(Json& value, const std::string& where) {
  for (const char* side : {"chosen", "rejected"}) {
    if (value[side].is_object()) value[side] = Json::array({value[side]});
  }
  const bool lists = is_conversation(value, "chosen", where);
  if (is_conversation(value, "rejected", where) != lists) {
    throw Error({"'chosen' and 'rejected': one is a string, the other a list of messages", where,
                 "make both strings or both lists"});
  }
  if (value.contains("messages") && lists && !value.contains("prompt")) {
    value["prompt"] = std::move(value["messages"]);
    value.erase("messages");
  }
  if (value.contains("prompt")) {
    if (is_conversation(value, "prompt", where) == lists) return lists;
    if (!lists) {
      throw Error({"'prompt' is a list of messages, 'chosen' and 'rejected' are strings", where,
                   "make all of them strings or all lists"});
    }
  }
  Json &chosen = value["chosen"], &rejected = value["rejected"];
  const size_t shared = shared_prompt(chosen, rejected);
  auto cut = [&](Json& side, Json& prompt) {
    if (lists) {
      const auto middle = side.begin() + static_cast<std::ptrdiff_t>(shared);
      prompt = Json(side.begin(), middle);
      if (shared == 0) prompt = Json::array();
      side = Json(middle, side.end());
    } else {
      const std::string text = side.get<std::string>();
      prompt = text.substr(0, shared);
      side = text.substr(shared);
    }
  };
  Json prompt, again;
  cut(chosen, prompt);
  cut(rejected, again);
  value["prompt"] = std::move(prompt);
  return lists;
}

/// Steps are strings; labels, where there are some, are as many true or false, 1 or 0.
void check_steps(const Json& value, const std::string& where) {
  auto bad = [&](const std::string& what) {
    throw Error(
        {what, where,
         "a stepwise row is {\"prompt\": \"…\", \"completions\": [\"…\"], \"labels\": [true]}"});
  };
  const Json prompt = value.value("prompt", Json()), labels = value.value("labels", Json());
  const Json& steps = value["completions"];
  if (!prompt.is_string()) bad("'prompt': wanted a string, got " + std::string(prompt.type_name()));
  if (!steps.is_array() || steps.empty()) bad("'completions': wanted a list of steps");
  for (const Json& step : steps) {
    if (!step.is_string())
      bad("'completions': wanted strings, got " + std::string(step.type_name()));
  }
  if (labels.is_null()) return;
  if (!labels.is_array() || labels.size() != steps.size()) {
    bad("'labels': wanted a list of " + std::to_string(steps.size()) + ", one for each step");
  }
  for (const Json& label : labels) {
    const bool known = label.is_boolean() || label == 0 || label == 1;
    if (!known) bad("'labels': wanted true or false, got " + text::to_line(label).substr(0, 40));
  }
}

RowType type_of(const Json& value, std::span<const RowType> wanted, const std::string& where) {
  auto may = [&](RowType type) {
    return std::find(wanted.begin(), wanted.end(), type) != wanted.end() ||
           (wanted.empty() && type != RowType::Other && type != RowType::Stepwise);
  };
  std::optional<RowType> found;
  if (value.contains("chosen") && value.contains("rejected") && may(RowType::Preference)) {
    found = RowType::Preference;
  } else if (value.contains("completions") && may(RowType::Stepwise)) {
    found = RowType::Stepwise;
  } else if (value.contains("prompt") && value.contains("completion")) {
    const bool labelled =
        value.contains("label") && (!wanted.empty() || value["label"].is_boolean());
    found = labelled && may(RowType::Unpaired) ? RowType::Unpaired
            : may(RowType::PromptCompletion)   ? RowType::PromptCompletion
                                               : RowType::PromptOnly;
  } else if (value.contains("prompt")) {
    found = RowType::PromptOnly;
  } else if (value.contains("messages")) {
    found = RowType::Messages;
  } else if (value.contains("text")) {
    found = RowType::Text;
  }
  if (found && may(*found)) return *found;
  if (may(RowType::Other)) return RowType::Other;
  std::string hint =
      "columns are text | messages | prompt + completion | prompt; see `temper data show`";
  if (!wanted.empty() && may(RowType::Unpaired)) {
    hint =
        "an unpaired row has prompt, completion and label (true or false); pairs have chosen and "
        "rejected";
  } else if (may(RowType::Preference)) {
    hint = "a preference row has chosen and rejected, and may have a prompt";
  } else if (may(RowType::Stepwise)) {
    hint = "a stepwise row has a prompt, completions (its steps) and labels";
  } else if (value.contains("chosen")) {
    hint = "chosen and rejected make a preference row, which `temper dpo` reads";
  }
  throw Error({"wanted " +
                   (wanted.empty() ? std::string("a dataset type that TRL knows")
                                   : joined(wanted) + " row") +
                   ", got " +
                   (found ? joined({&*found, 1}) + " row" : std::string("none of them")) +
                   " with the columns " + columns(value),
               where, hint});
}

}  // namespace

std::string name(RowType type) {
  switch (type) {
    case RowType::Text:
      return "text";
    case RowType::Messages:
      return "messages";
    case RowType::PromptCompletion:
      return "prompt-completion";
    case RowType::PromptOnly:
      return "prompt-only";
    case RowType::Preference:
      return "preference";
    case RowType::Unpaired:
      return "unpaired-preference";
    case RowType::Stepwise:
      return "stepwise";
    case RowType::Other:
      return "other";
  }
  return "other";
}

Row make_row(Json value, const std::string& where, std::span<const RowType> wanted) {
  if (!value.is_object()) {
    throw Error({"a row is an object, got " + std::string(value.type_name()), where, ""});
  }
  Json kept = Json::object();  // a null column is one that this row does not have
  for (auto& [key, held] : value.items()) {
    if (!held.is_null()) kept[key] = std::move(held);
  }
  rename_published(kept);
  Row row{.type = type_of(kept, wanted, where), .where = where};
  unpack(kept, "tools", true, where);
  unpack(kept, "chat_template_kwargs", false, where);
  switch (row.type) {
    case RowType::Text:
      if (!kept["text"].is_string()) {
        throw Error(
            {"'text': wanted a string, got " + std::string(kept["text"].type_name()), where, ""});
      }
      break;
    case RowType::Messages:
      row.conversational = is_conversation(kept, "messages", where);
      if (!row.conversational) throw Error({"'messages': wanted a list, got a string", where, ""});
      break;
    case RowType::PromptOnly:
      row.conversational = is_conversation(kept, "prompt", where);
      break;
    case RowType::PromptCompletion:
    case RowType::Unpaired: {
      row.conversational = is_conversation(kept, "prompt", where);
      if (is_conversation(kept, "completion", where) != row.conversational) {
        throw Error({"'prompt' and 'completion': one is a string, the other a list of messages",
                     where, "make both strings or both lists"});
      }
      if (row.type == RowType::Unpaired && !kept["label"].is_boolean()) {
        throw Error({"'label': wanted true or false, got " + text::to_line(kept["label"]), where,
                     "true where the answer is wanted, false where it is not"});
      }
      break;
    }
    case RowType::Preference:
      row.conversational = make_preference(kept, where);
      break;
    case RowType::Stepwise:
      check_steps(kept, where);
      break;
    case RowType::Other:
      break;
  }
  row.value = std::make_shared<const Json>(std::move(kept));
  return row;
}

std::vector<Row> unpaired(const Row& row) {
  if (row.type == RowType::Unpaired) return {row};
  ASSERT(row.type == RowType::Preference, "a row of answers that are wanted or not");
  std::vector<Row> both;
  for (const char* side : {"chosen", "rejected"}) {
    Json value = *row.value;
    value["completion"] = value[side];
    value["label"] = side == std::string("chosen");
    value.erase("chosen");
    value.erase("rejected");
    both.push_back({.type = RowType::Unpaired,
                    .conversational = row.conversational,
                    .value = std::make_shared<const Json>(std::move(value)),
                    .where = row.where});
  }
  return both;
}

}  // namespace temper::data
