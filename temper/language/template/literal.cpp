#include "temper/language/template/literal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "temper/language/template/budget.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

bool digit(char c, int base) {
  int value = c >= '0' && c <= '9'   ? c - '0'
              : c >= 'a' && c <= 'z' ? c - 'a' + 10
              : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                     : 99;
  return value < base;
}

// Bytes of digits at `at`, single underscores between them.
size_t digits(std::string_view text, size_t at, int base) {
  size_t end = at;
  while (end < text.size()) {
    if (digit(text[end], base))
      ++end;
    else if (text[end] == '_' && end > at && end + 1 < text.size() && digit(text[end + 1], base))
      ++end;
    else
      break;
  }
  return end - at;
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), '_'), out.end());
  return out;
}

std::string_view stripped(std::string_view text) {
  while (!text.empty() && is_space(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && is_space(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

int prefix_base(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return 0;
  char mark = static_cast<char>(text[1] | 0x20);
  return mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 0;
}

}  // namespace

size_t float_size(std::string_view text) {
  size_t whole = digits(text, 0, 10);
  if (whole == 0) return 0;
  size_t end = whole;
  if (end < text.size() && text[end] == '.') {
    if (size_t fraction = digits(text, end + 1, 10)) end += 1 + fraction;
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t power = end + 1;
    if (power < text.size() && (text[power] == '+' || text[power] == '-')) ++power;
    if (size_t size = digits(text, power, 10)) return power + size;
  }
  return end > whole ? end : 0;
}

size_t integer_size(std::string_view text) {
  if (int base = prefix_base(text)) {
    size_t at = text[2] == '_' ? 3 : 2;
    if (size_t size = digits(text, at, base)) return at + size;
  }
  if (text.empty() || !digit(text[0], 10)) return 0;
  if (text[0] != '0') return digits(text, 0, 10);
  return digits(text, 0, 1);
}

double read_double(std::string_view text) {
  // from_chars rounds correctly and knows no locale; out of range it leaves the value, so strtod
  // decides.
  std::string plain = without_underscores(text);
  double value = 0;
  auto end = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (end.ec == std::errc::result_out_of_range) value = std::strtod(plain.c_str(), nullptr);
  return value;
}

std::optional<int64_t> read_integer(std::string_view text, int base) {
  std::string plain = without_underscores(text);
  int prefix = prefix_base(plain);
  if (prefix != 0 && (base == 0 || base == prefix)) {
    plain.erase(0, 2);
    base = prefix;
  }
  if (base == 0) base = 10;
  int64_t value = 0;
  auto end = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
  if (end.ec != std::errc() || end.ptr != plain.data() + plain.size()) return {};
  return value;
}

std::optional<int64_t> parse_integer(std::string_view text, int base) {
  text = stripped(text);
  bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  int prefix = prefix_base(text);
  bool prefixed = prefix != 0 && (base == 0 || base == prefix);
  size_t at = !prefixed ? 0 : text[2] == '_' ? 3 : 2;
  int used = prefixed ? prefix : base == 0 ? 10 : base;
  if (at >= text.size() || digits(text, at, used) != text.size() - at) return {};
  std::string plain = (negative ? "-" : "") + without_underscores(text.substr(at));
  if (base == 0 && !prefixed && text[0] == '0' &&
      plain.find_first_not_of("-0") != std::string::npos)
    return {};
  int64_t value = 0;
  auto end = std::from_chars(plain.data(), plain.data() + plain.size(), value, used);
  if (end.ec == std::errc::result_out_of_range) fail("an integer needs more than 64 bits");
  return value;
}

std::optional<double> parse_double(std::string_view text) {
  text = stripped(text);
  double sign = 1;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    sign = text[0] == '-' ? -1 : 1;
    text.remove_prefix(1);
  }
  std::string small = lower(text);
  if (small == "inf" || small == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (small == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (!small.empty() && small[0] == '.') small.insert(0, "0");  // ".5"
  size_t size = float_size(small);
  if (size == 0) size = digits(small, 0, 10);
  if (size > 0 && size + 1 == small.size() && small.back() == '.') small.pop_back();  // "5."
  if (size == 0 || size != small.size()) return {};
  return sign * read_double(small);
}

namespace {

// Non-ASCII characters written as escapes first, which is how Jinja feeds the codec.
std::string backslash_replaced(std::string_view text) {
  std::string out;
  const char* hex = "0123456789abcdef";
  for (size_t at = 0; at < text.size();) {
    char32_t point = next_point(text, at);
    if (point < 128) {
      out += static_cast<char>(point);
      continue;
    }
    int width = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
    out += width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U";
    for (int k = width - 1; k >= 0; --k) out += hex[point >> (4 * k) & 15];
  }
  return out;
}

char32_t read_hex(std::string_view text, size_t& at, size_t width) {
  char32_t point = 0;
  for (size_t k = 0; k < width; ++k, ++at) {
    if (at >= text.size() || !digit(text[at], 16)) fail("truncated escape in a string");
    auto c = static_cast<unsigned char>(text[at]);
    point = point << 4 | (c <= '9' ? c - '0' : (c | 0x20U) - 'a' + 10);
  }
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) {
    fail("a string's escape is not a Unicode character");
  }
  return point;
}

char32_t read_octal(std::string_view text, size_t& at) {
  char32_t point = 0;
  for (int k = 0; k < 3 && at < text.size() && digit(text[at], 8); ++k, ++at) {
    point = point << 3 | static_cast<char32_t>(text[at] - '0');
  }
  return point;
}

}  // namespace

std::string unescaped(std::string_view source) {
  if (source.find('\\') == std::string_view::npos) return std::string(source);
  std::string text = backslash_replaced(source), out;
  for (size_t at = 0; at < text.size();) {
    char c = text[at++];
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at >= text.size()) fail("a string ends in a backslash");
    char mark = text[at];
    constexpr std::string_view kMarks = "\\'\"abfnrtv\n";
    constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
    size_t found = kMarks.find(mark);
    if (mark >= '0' && mark <= '7') {
      append_point(out, read_octal(text, at));
    } else if (mark == 'x' || mark == 'u' || mark == 'U') {
      append_point(out, read_hex(text, ++at, mark == 'x' ? 2 : mark == 'u' ? 4 : 8));
    } else if (mark == 'N') {
      fail("\\N{…} in a string is not supported");
    } else if (found != std::string_view::npos) {
      if (mark != '\n') out += kValues[found];
      ++at;
    } else {
      out += '\\';  // an unknown escape stays as it is
    }
  }
  return out;
}

}  // namespace temper::jinja
