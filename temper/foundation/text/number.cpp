#include "temper/foundation/text/number.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace temper::text {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool word(char c) {
  return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ')';
}

template <class Value>
std::optional<Value> parse_whole(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  Value value{};
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

// Reads one unsigned number at `at`, its digits into `plain`; returns where it ends.
size_t read_number(std::string_view text, size_t at, std::string& plain) {
  auto is_digit = [&](size_t i) { return i < text.size() && digit(text[i]); };
  size_t begin = at;
  while (is_digit(at)) ++at;
  plain.assign(text.substr(begin, at - begin));
  if (at - begin >= 1 && at - begin <= 3 && text[begin] != '0') {
    while (at < text.size() && text[at] == ',' && is_digit(at + 1) && is_digit(at + 2) &&
           is_digit(at + 3) && !is_digit(at + 4)) {
      plain += text.substr(at + 1, 3);
      at += 4;
    }
  }
  if (at < text.size() && text[at] == '.' && is_digit(at + 1)) {
    begin = at++;
    while (is_digit(at)) ++at;
    plain += text.substr(begin, at - begin);
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    size_t exponent = at + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    if (is_digit(exponent)) {
      begin = at;
      at = exponent;
      while (is_digit(at)) ++at;
      plain += text.substr(begin, at - begin);
    }
  }
  return at;
}

// Whether a minus sign that is no hyphen or operator stands right before `at` ("$" may come
// between).
bool negative(std::string_view text, size_t at) {
  std::string_view before = text.substr(0, at);
  if (before.ends_with('$')) before.remove_suffix(1);
  if (before.ends_with('-')) {
    before.remove_suffix(1);
  } else if (before.ends_with("\u2212")) {
    before.remove_suffix(3);
  } else {
    return false;
  }
  return before.empty() || !word(before.back());
}

}  // namespace

std::optional<double> parse_double(std::string_view text) {
  if (text == ".inf" || text == "+.inf") return HUGE_VAL;
  if (text == "-.inf") return -HUGE_VAL;
  std::optional<double> value = parse_whole<double>(text);
  if (value && std::isnan(*value)) return {};
  return value;
}

std::optional<int64_t> parse_int(std::string_view text) {
  return parse_whole<int64_t>(text);
}

std::optional<int64_t> parse_bytes(std::string_view text) {
  double unit = 1;
  if (text.ends_with('B')) {
    text.remove_suffix(1);
    double base = 1000;
    if (text.ends_with('i')) {
      text.remove_suffix(1);
      base = 1024;
    }
    const size_t power =
        text.empty() ? std::string_view::npos : std::string_view("kMGT").find(text.back());
    if (power != std::string_view::npos) {
      unit = std::pow(base, static_cast<double>(power + 1));
      text.remove_suffix(1);
    } else if (base > 1000) {
      return {};
    }
    while (text.ends_with(' ')) text.remove_suffix(1);
  }
  const std::optional<double> count = parse_double(text);
  if (!count || !(*count * unit >= 1) || *count * unit > 9e18) return {};
  return static_cast<int64_t>(*count * unit);
}

std::string shortest(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find('.') != std::string::npos) return text;
  return text.insert(std::min(text.find('e'), text.size()), ".0");
}

std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > (value < 0 ? 4u : 3u);) text.insert(at -= 3, ",");
  return text;
}

std::string grouped(double value, int digits) {
  std::string text = fixed(value, digits);
  if (!std::isfinite(value)) return text;
  size_t first = text[0] == '-' ? 1 : 0;
  for (size_t at = std::min(text.find('.'), text.size()); at > first + 3;)
    text.insert(at -= 3, ",");
  return text;
}

std::string fixed(double value, int digits) {
  return fmt::format("{:.{}f}", value, digits);
}

std::string bytes(double count) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  int unit = 0;
  for (; count >= 999.5 && unit < 5; ++unit) count /= 1000;
  return fmt::format("{:.{}f} {}", count, unit > 0 && count < 99.95 ? 1 : 0, units[unit]);
}

std::string duration(double seconds) {
  auto whole = static_cast<int64_t>(std::max(0.0, std::round(seconds)));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::vector<double> numbers(std::string_view text) {
  std::vector<double> found;
  std::string plain;
  for (size_t at = 0; at < text.size();) {
    bool point = text[at] == '.' && at + 1 < text.size() && digit(text[at + 1]) &&
                 (at == 0 || !digit(text[at - 1]));
    if (!digit(text[at]) && !point) {
      ++at;
      continue;
    }
    bool minus = negative(text, at);
    at = read_number(text, at, plain);
    if (std::optional<double> value = parse_double(plain))
      found.push_back(minus ? -*value : *value);
  }
  return found;
}

std::optional<double> last_number(std::string_view text) {
  std::vector<double> all = numbers(text);
  if (all.empty()) return {};
  return all.back();
}

}  // namespace temper::text
