#include "temper/app/report/html.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/foundation/text/number.h"
#include "temper/foundation/text/utf8.h"

namespace temper::report {
namespace {

constexpr std::string_view kOpen = "⟦", kClose = "⟧";

/// The length of a mark [ABC_1] at the start of `text`, or 0.
size_t mark_length(std::string_view text) {
  if (text.empty() || text[0] != '[') return 0;
  size_t end = 1;
  while (end < text.size() && ((text[end] >= 'A' && text[end] <= 'Z') || text[end] == '_')) ++end;
  return end > 2 && end < text.size() && text[end] == ']' ? end + 1 : 0;
}

/// The length of a tag <name> or </name> at the start of `text`, or 0.
size_t tag_length(std::string_view text) {
  if (text.size() < 3 || text[0] != '<') return 0;
  size_t end = text[1] == '/' ? 2 : 1;
  const size_t name = end;
  while (end < text.size() && end < 40 &&
         (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_'))
    ++end;
  return end > name && end < text.size() && text[end] == '>' ? end + 1 : 0;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text::repair_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string shortened(const std::string& text, size_t bytes) {
  if (text.size() <= bytes) return text;
  const std::string_view all = text;
  const size_t head = text::complete_utf8(all.substr(0, bytes * 3 / 4));
  size_t tail = text.size() - bytes / 4;
  while (tail < text.size() && (static_cast<unsigned char>(text[tail]) & 0xC0) == 0x80) ++tail;
  return fmt::format("{}\n… {} bytes left out …\n{}", all.substr(0, head),
                     text::grouped(static_cast<int64_t>(tail - head)), all.substr(tail));
}

std::string answer_html(const std::string& text) {
  std::string out;
  const std::string_view all = text;
  size_t plain = 0, at = 0;
  while (at < all.size()) {
    const size_t mark = mark_length(all.substr(at)), tag = tag_length(all.substr(at));
    if (mark + tag == 0) {
      ++at;
      continue;
    }
    out += escaped(all.substr(plain, at - plain));
    out += mark > 0 ? "<mark>" : "<span class=\"tag\">";
    out += escaped(all.substr(at, mark + tag));
    out += mark > 0 ? "</mark>" : "</span>";
    at += mark + tag;
    plain = at;
  }
  return out + escaped(all.substr(plain));
}

std::string trained_html(const std::string& text) {
  std::string out;
  const std::string_view all = text;
  for (size_t at = 0; at < all.size();) {
    const size_t open = std::min(all.find(kOpen, at), all.size());
    out += escaped(all.substr(at, open - at));
    if (open == all.size()) break;
    const size_t begin = open + kOpen.size(), close = std::min(all.find(kClose, begin), all.size());
    out += "<span class=\"trained\">" + escaped(all.substr(begin, close - begin)) + "</span>";
    at = std::min(close + kClose.size(), all.size());
  }
  return out;
}

std::string script_json(const Json& value) {
  std::string out;
  for (char c : text::to_line(value)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string leaf(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const std::string whole = path.substr(0, end + 1);
  return whole.substr(whole.find_last_of('/') + 1);
}

std::string words(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string figure(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return "not finite";
  if (size == 0) return "0";
  if (size >= 1e7 || size < 1e-3) return fmt::format("{:.2g}", value);
  if (size >= 100) return text::grouped(value, size >= 1000 ? 0 : 1);
  return text::fixed(value, size < 0.1 ? 4 : size < 10 ? 3 : 2);
}

std::string signed_figure(double value) {
  return (value < 0 ? "−" : "+") + text::fixed(std::abs(value), 2);
}

}  // namespace temper::report
