#include "temper/world/env/parser.h"

#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/tag.h"

namespace temper::env {
namespace {

using Found = std::optional<std::string>;

Found after_last(std::string_view text, std::string_view mark, bool one_line) {
  size_t at = text.rfind(mark);
  if (at == text.npos) return {};
  std::string_view rest = text.substr(at + mark.size());
  if (one_line) rest = rest.substr(0, rest.find('\n'));
  return std::string(text::strip(rest));
}

Found last_line(const std::string& completion) {
  std::string_view text = text::strip(completion);
  if (text.empty()) return {};
  return std::string(text::strip(text.substr(text.rfind('\n') + 1)));
}

Found number(const std::string& completion) {
  auto value = text::last_number(completion);
  if (!value || !std::isfinite(*value)) return {};
  std::string written = text::shortest(*value);
  if (written.ends_with(".0")) written.resize(written.size() - 2);
  return written;
}

}  // namespace

const std::vector<std::string>& parser_names() {
  static const std::vector<std::string> names = {"text",      "xml",   "think",
                                                 "last_line", "gsm8k", "number"};
  return names;
}

Parser make_parser(const std::string& name, const std::string& field, const std::string& where) {
  if (name == "text") return [](const std::string& s) -> Found { return s; };
  if (name == "xml") {
    if (field.empty())
      throw Error(
          {"the parser xml needs the name of its tag", where, "for instance field: answer"});
    return [field](const std::string& s) { return text::last_tag(s, field); };
  }
  if (name == "think") return [](const std::string& s) { return after_last(s, "</think>", false); };
  if (name == "last_line") return last_line;
  if (name == "gsm8k") return [](const std::string& s) { return after_last(s, "####", true); };
  if (name == "number") return number;
  std::string all;
  for (const std::string& each : parser_names()) all += (all.empty() ? "" : ", ") + each;
  throw Error({"parser '" + name + "' is not one of: " + all, where,
               text::did_you_mean(name, parser_names())});
}

std::string write_answer(const std::string& name, const std::string& field,
                         const std::string& answer) {
  if (name == "xml") return "<" + field + ">\n" + answer + "\n</" + field + ">";
  if (name == "think") return "<think>\n</think>\n" + answer;
  if (name == "gsm8k") return "#### " + answer;
  return answer;
}

}  // namespace temper::env
