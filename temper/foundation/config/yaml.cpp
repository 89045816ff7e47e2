#include "temper/foundation/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/utf8.h"

namespace temper::config {
namespace {

constexpr size_t kMostBytes = 1 << 20;
constexpr size_t kDeepest = 32;

bool is_null(const std::string& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::optional<bool> boolean(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return {};
}

// Builds the tree from the parser's events, so that nothing an alias or a tag could blow up is ever
// made.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const std::string& where) : where_(where) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    Yaml value;
    value.line = mark.line + 1;
    add(std::move(value));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark.line + 1, "aliases (*name) are not read here", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    refuse_anchor(mark, anchor);
    if (!tag.empty() && tag != "?" && tag != "!") refuse_tag(mark, tag);
    Yaml value;
    value.line = mark.line + 1;
    value.quoted = tag == "!";
    value.type = !value.quoted && is_null(text) ? Yaml::Type::Null : Yaml::Type::Scalar;
    if (value.type == Yaml::Type::Scalar) value.scalar = text;
    add(std::move(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Yaml::Type::Sequence);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Yaml::Type::Mapping);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  [[noreturn]] void fail(int line, const std::string& what, const std::string& try_ = "") const {
    throw Error({what, where_ + ":" + std::to_string(line), try_});
  }

  std::optional<Yaml> root;

 private:
  struct Open {
    Yaml value;
    std::optional<Yaml> key;  // of a mapping, read but without its value
  };

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) const {
    if (anchor != 0)
      fail(mark.line + 1, "anchors (&name) are not read here", "write the value out");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    fail(mark.line + 1, "the tag '" + tag + "' is not read here", "remove the tag");
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Yaml::Type type) {
    refuse_anchor(mark, anchor);
    if (!tag.empty() && tag != "?" && tag != "!") refuse_tag(mark, tag);
    if (open_.size() >= kDeepest) fail(mark.line + 1, "nested deeper than 32 levels");
    Yaml value;
    value.type = type;
    value.line = mark.line + 1;
    open_.push_back({std::move(value), {}});
  }
  void close() {
    Yaml value = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(value));
  }
  void add(Yaml value) {
    if (open_.empty()) {
      root = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.value.type == Yaml::Type::Sequence) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.key) {
      if (value.type != Yaml::Type::Scalar) fail(value.line, "a key must be a plain name");
      if (const Yaml* first = parent.value.find(value.scalar)) {
        fail(value.line, "the key '" + value.scalar + "' stands twice",
             "the first is on line " + std::to_string(first->line));
      }
      parent.key = std::move(value);
    } else {
      value.line = parent.key->line;
      parent.value.entries.emplace_back(std::move(parent.key->scalar), std::move(value));
      parent.key.reset();
    }
  }

  const std::string& where_;
  std::vector<Open> open_;
};

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

Yaml parse_yaml(const std::string& text, const std::string& where) {
  if (text.size() > kMostBytes) {
    throw Error({"the YAML has " + text::grouped(int64_t(text.size())) +
                     " bytes, at most 1,048,576 are read",
                 where, "is this the right file?"});
  }
  if (size_t at = text::first_invalid_utf8(text); at != std::string::npos) {
    auto line = 1 + std::count(text.begin(), text.begin() + int64_t(at), '\n');
    throw Error({"the YAML is not UTF-8", where + ":" + std::to_string(line), "save it as UTF-8"});
  }
  Builder builder(where);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    bool any = parser.HandleNextDocument(builder);
    if (!any || !builder.root || builder.root->type == Yaml::Type::Null) {
      Yaml empty;
      empty.type = Yaml::Type::Mapping;
      return empty;
    }
    Yaml root = std::move(*builder.root);
    if (parser.HandleNextDocument(builder)) {
      throw Error(
          {"the YAML holds more than one document", where, "keep one, drop the '---' lines"});
    }
    return root;
  } catch (const YAML::Exception& error) {
    builder.fail(error.mark.line + 1, "invalid YAML: " + error.msg);
  }
}

Json to_json(const Yaml& value) {
  switch (value.type) {
    case Yaml::Type::Null:
      return nullptr;
    case Yaml::Type::Sequence: {
      Json list = Json::array();
      for (const Yaml& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case Yaml::Type::Mapping: {
      Json object = Json::object();
      for (const auto& [name, item] : value.entries) object[name] = to_json(item);
      return object;
    }
    case Yaml::Type::Scalar:
      break;
  }
  if (value.quoted) return value.scalar;
  if (auto truth = boolean(value.scalar)) return *truth;
  if (auto whole = text::parse_int(value.scalar)) return *whole;
  if (auto number = text::parse_double(value.scalar)) return *number;
  return value.scalar;
}

std::string yaml_scalar(const std::string& text) {
  auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '/' || c == '.' || c == '-';
  };
  bool plain = !text.empty() && text[0] != '-' && text[0] != '.';
  for (char c : text) plain = plain && safe(c);
  plain = plain && (text[0] < '0' || text[0] > '9');  // numbers, dates, octal, sexagesimal
  // Words that YAML 1.1 or 1.2 reads as something other than text.
  std::string lower;
  for (char c : text) lower += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  for (const char* word :
       {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "infinity", "nan"}) {
    plain = plain && lower != word;
  }
  if (plain) return text;
  std::string quoted = text::to_line(Json(text));  // JSON's escapes are YAML's
  for (size_t at = 0; (at = quoted.find('\x7f', at)) != std::string::npos;)
    quoted.replace(at, 1, "\\x7F");
  return quoted;
}

}  // namespace temper::config
