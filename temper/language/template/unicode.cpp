// Case mappings beyond one code point are Unicode's SpecialCasing.txt; the rest is utf8proc's data.
#include "temper/language/template/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>

namespace temper::jinja {
namespace {

// A letter followed by what it becomes, then a space.
constexpr char32_t kUpper[] =
    U"\U000000DFSS \U00000149\U000002BCN \U000001F0J\U0000030C "
    U"\U00000390\U00000399\U00000308\U00000301 \U000003B0\U000003A5\U00000308\U00000301 "
    U"\U00000587\U00000535\U00000552 \U00001E96H\U00000331 \U00001E97T\U00000308 "
    U"\U00001E98W\U0000030A \U00001E99Y\U0000030A \U00001E9AA\U000002BE "
    U"\U00001F50\U000003A5\U00000313 \U00001F52\U000003A5\U00000313\U00000300 "
    U"\U00001F54\U000003A5\U00000313\U00000301 \U00001F56\U000003A5\U00000313\U00000342 "
    U"\U00001F80\U00001F08\U00000399 \U00001F81\U00001F09\U00000399 "
    U"\U00001F82\U00001F0A\U00000399 \U00001F83\U00001F0B\U00000399 "
    U"\U00001F84\U00001F0C\U00000399 \U00001F85\U00001F0D\U00000399 "
    U"\U00001F86\U00001F0E\U00000399 \U00001F87\U00001F0F\U00000399 "
    U"\U00001F88\U00001F08\U00000399 \U00001F89\U00001F09\U00000399 "
    U"\U00001F8A\U00001F0A\U00000399 \U00001F8B\U00001F0B\U00000399 "
    U"\U00001F8C\U00001F0C\U00000399 \U00001F8D\U00001F0D\U00000399 "
    U"\U00001F8E\U00001F0E\U00000399 \U00001F8F\U00001F0F\U00000399 "
    U"\U00001F90\U00001F28\U00000399 \U00001F91\U00001F29\U00000399 "
    U"\U00001F92\U00001F2A\U00000399 \U00001F93\U00001F2B\U00000399 "
    U"\U00001F94\U00001F2C\U00000399 \U00001F95\U00001F2D\U00000399 "
    U"\U00001F96\U00001F2E\U00000399 \U00001F97\U00001F2F\U00000399 "
    U"\U00001F98\U00001F28\U00000399 \U00001F99\U00001F29\U00000399 "
    U"\U00001F9A\U00001F2A\U00000399 \U00001F9B\U00001F2B\U00000399 "
    U"\U00001F9C\U00001F2C\U00000399 \U00001F9D\U00001F2D\U00000399 "
    U"\U00001F9E\U00001F2E\U00000399 \U00001F9F\U00001F2F\U00000399 "
    U"\U00001FA0\U00001F68\U00000399 \U00001FA1\U00001F69\U00000399 "
    U"\U00001FA2\U00001F6A\U00000399 \U00001FA3\U00001F6B\U00000399 "
    U"\U00001FA4\U00001F6C\U00000399 \U00001FA5\U00001F6D\U00000399 "
    U"\U00001FA6\U00001F6E\U00000399 \U00001FA7\U00001F6F\U00000399 "
    U"\U00001FA8\U00001F68\U00000399 \U00001FA9\U00001F69\U00000399 "
    U"\U00001FAA\U00001F6A\U00000399 \U00001FAB\U00001F6B\U00000399 "
    U"\U00001FAC\U00001F6C\U00000399 \U00001FAD\U00001F6D\U00000399 "
    U"\U00001FAE\U00001F6E\U00000399 \U00001FAF\U00001F6F\U00000399 "
    U"\U00001FB2\U00001FBA\U00000399 \U00001FB3\U00000391\U00000399 "
    U"\U00001FB4\U00000386\U00000399 \U00001FB6\U00000391\U00000342 "
    U"\U00001FB7\U00000391\U00000342\U00000399 \U00001FBC\U00000391\U00000399 "
    U"\U00001FC2\U00001FCA\U00000399 \U00001FC3\U00000397\U00000399 "
    U"\U00001FC4\U00000389\U00000399 \U00001FC6\U00000397\U00000342 "
    U"\U00001FC7\U00000397\U00000342\U00000399 \U00001FCC\U00000397\U00000399 "
    U"\U00001FD2\U00000399\U00000308\U00000300 \U00001FD3\U00000399\U00000308\U00000301 "
    U"\U00001FD6\U00000399\U00000342 \U00001FD7\U00000399\U00000308\U00000342 "
    U"\U00001FE2\U000003A5\U00000308\U00000300 \U00001FE3\U000003A5\U00000308\U00000301 "
    U"\U00001FE4\U000003A1\U00000313 \U00001FE6\U000003A5\U00000342 "
    U"\U00001FE7\U000003A5\U00000308\U00000342 \U00001FF2\U00001FFA\U00000399 "
    U"\U00001FF3\U000003A9\U00000399 \U00001FF4\U0000038F\U00000399 "
    U"\U00001FF6\U000003A9\U00000342 \U00001FF7\U000003A9\U00000342\U00000399 "
    U"\U00001FFC\U000003A9\U00000399 \U0000FB00FF \U0000FB01FI \U0000FB02FL \U0000FB03FFI "
    U"\U0000FB04FFL \U0000FB05ST \U0000FB06ST \U0000FB13\U00000544\U00000546 "
    U"\U0000FB14\U00000544\U00000535 \U0000FB15\U00000544\U0000053B "
    U"\U0000FB16\U0000054E\U00000546 \U0000FB17\U00000544\U0000053D ";
constexpr char32_t kTitle[] =
    U"\U000000DFSs \U00000149\U000002BCN \U000001F0J\U0000030C "
    U"\U00000390\U00000399\U00000308\U00000301 \U000003B0\U000003A5\U00000308\U00000301 "
    U"\U00000587\U00000535\U00000582 \U00001E96H\U00000331 \U00001E97T\U00000308 "
    U"\U00001E98W\U0000030A \U00001E99Y\U0000030A \U00001E9AA\U000002BE "
    U"\U00001F50\U000003A5\U00000313 \U00001F52\U000003A5\U00000313\U00000300 "
    U"\U00001F54\U000003A5\U00000313\U00000301 \U00001F56\U000003A5\U00000313\U00000342 "
    U"\U00001FB2\U00001FBA\U00000345 \U00001FB4\U00000386\U00000345 "
    U"\U00001FB6\U00000391\U00000342 \U00001FB7\U00000391\U00000342\U00000345 "
    U"\U00001FC2\U00001FCA\U00000345 \U00001FC4\U00000389\U00000345 "
    U"\U00001FC6\U00000397\U00000342 \U00001FC7\U00000397\U00000342\U00000345 "
    U"\U00001FD2\U00000399\U00000308\U00000300 \U00001FD3\U00000399\U00000308\U00000301 "
    U"\U00001FD6\U00000399\U00000342 \U00001FD7\U00000399\U00000308\U00000342 "
    U"\U00001FE2\U000003A5\U00000308\U00000300 \U00001FE3\U000003A5\U00000308\U00000301 "
    U"\U00001FE4\U000003A1\U00000313 \U00001FE6\U000003A5\U00000342 "
    U"\U00001FE7\U000003A5\U00000308\U00000342 \U00001FF2\U00001FFA\U00000345 "
    U"\U00001FF4\U0000038F\U00000345 \U00001FF6\U000003A9\U00000342 "
    U"\U00001FF7\U000003A9\U00000342\U00000345 \U0000FB00Ff \U0000FB01Fi \U0000FB02Fl "
    U"\U0000FB03Ffi \U0000FB04Ffl \U0000FB05St \U0000FB06St \U0000FB13\U00000544\U00000576 "
    U"\U0000FB14\U00000544\U00000565 \U0000FB15\U00000544\U0000056B "
    U"\U0000FB16\U0000054E\U00000576 \U0000FB17\U00000544\U0000056D ";

using Expansions = std::map<char32_t, std::u32string>;

Expansions read(std::u32string_view table) {
  Expansions found;
  while (!table.empty()) {
    size_t end = table.find(U' ');
    found[table[0]] = table.substr(1, end - 1);
    table.remove_prefix(end + 1);
  }
  return found;
}

utf8proc_category_t category(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

void append_upper(std::u32string& out, char32_t point) {
  static const Expansions expansions = read(kUpper);
  if (point < 128) {
    out += point >= U'a' && point <= U'z' ? point - 32 : point;
  } else if (auto found = expansions.find(point); found != expansions.end()) {
    out += found->second;
  } else {
    out += static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(point)));
  }
}

void append_title(std::u32string& out, char32_t point) {
  static const Expansions expansions = read(kTitle);
  if (auto found = expansions.find(point); found != expansions.end()) {
    out += found->second;
  } else {
    out += static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(point)));
  }
}

bool cased(char32_t point) {
  return is_lower(point) || is_upper(point) || category(point) == UTF8PROC_CATEGORY_LT;
}

bool ignored_by_case(char32_t point) {
  switch (category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return point == U'\'' || point == U'.' || point == U':' || point == 0xB7 || point == 0x2019;
  }
}

// A sigma at a word's end is written ς.
bool final_sigma(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && ignored_by_case(text[before - 1])) --before;
  if (before == 0 || !cased(text[before - 1])) return false;
  size_t after = at + 1;
  while (after < text.size() && ignored_by_case(text[after])) ++after;
  return after == text.size() || !cased(text[after]);
}

void append_lower(std::u32string& out, std::u32string_view text, size_t at) {
  char32_t point = text[at];
  if (point < 128) {
    out += point >= U'A' && point <= U'Z' ? point + 32 : point;
  } else if (point == 0x130) {
    out += U"i\U00000307";
  } else if (point == 0x3A3) {
    out += final_sigma(text, at) ? char32_t{0x3C2} : char32_t{0x3C3};
  } else {
    out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
  }
}

}  // namespace

bool valid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    utf8proc_ssize_t used = utf8proc_iterate(bytes, left, &point);
    if (used <= 0) return false;
    bytes += used;
    left -= used;
  }
  return true;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 128; });
}

char32_t next_point(std::string_view text, size_t& at) {
  auto lead = static_cast<unsigned char>(text[at]);
  size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t point = size == 1 ? lead : lead & (0x7FU >> size);
  for (size_t k = 1; k < size && at + k < text.size(); ++k) {
    point = point << 6 | (static_cast<unsigned char>(text[at + k]) & 0x3FU);
  }
  at = std::min(at + size, text.size());
  return point;
}

void append_point(std::string& out, char32_t point) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

size_t count_points(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::u32string to_points(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) points += next_point(text, at);
  return points;
}

std::string to_text(std::u32string_view points) {
  std::string text;
  text.reserve(points.size());
  for (char32_t point : points) append_point(text, point);
  return text;
}

bool is_space(char32_t p) {
  if (p < 128) return (p >= 9 && p <= 13) || (p >= 28 && p <= 32);
  return p == 0x85 || p == 0xA0 || p == 0x1680 || (p >= 0x2000 && p <= 0x200A) || p == 0x2028 ||
         p == 0x2029 || p == 0x202F || p == 0x205F || p == 0x3000;
}

bool is_line_break(char32_t p) {
  return (p >= 10 && p <= 13) || (p >= 28 && p <= 30) || p == 0x85 || p == 0x2028 || p == 0x2029;
}

bool is_printable(char32_t p) {
  if (p < 127) return p >= 32;
  switch (category(p)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

bool is_alpha(char32_t p) {
  auto c = category(p);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t p) {
  return category(p) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(char32_t p) {
  return is_decimal(p) || p == 0xB2 || p == 0xB3 || p == 0xB9 || p == 0x2070 ||
         (p >= 0x2074 && p <= 0x2079) || (p >= 0x2080 && p <= 0x2089) ||
         (p >= 0x2460 && p <= 0x2468);
}

bool is_numeric(char32_t p) {
  auto c = category(p);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool is_word(char32_t p) {
  return p == U'_' || is_alpha(p) || is_numeric(p);
}
bool is_lower(char32_t p) {
  return category(p) == UTF8PROC_CATEGORY_LL || p == 0xAA || p == 0xBA;
}
bool is_upper(char32_t p) {
  return category(p) == UTF8PROC_CATEGORY_LU;
}

bool is_lower_text(std::string_view text) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    char32_t point = next_point(text, at);
    if (cased(point) && !is_lower(point)) return false;
    any |= is_lower(point);
  }
  return any;
}

bool is_upper_text(std::string_view text) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    char32_t point = next_point(text, at);
    if (cased(point) && !is_upper(point)) return false;
    any |= is_upper(point);
  }
  return any;
}

std::string upper(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) append_upper(out, next_point(text, at));
  return to_text(out);
}

std::string lower(std::string_view text) {
  std::u32string points = to_points(text), out;
  for (size_t at = 0; at < points.size(); ++at) append_lower(out, points, at);
  return to_text(out);
}

std::string casefold(std::string_view text) {
  // Simple folding: the lower case of the upper case, which also takes ß to ss and ς to σ.
  std::string out;
  for (char32_t point : to_points(upper(text))) {
    append_point(out,
                 static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
  }
  return out;
}

std::string swapcase(std::string_view text) {
  std::u32string points = to_points(text), out;
  for (size_t at = 0; at < points.size(); ++at) {
    if (is_upper(points[at]))
      append_lower(out, points, at);
    else if (is_lower(points[at]))
      append_upper(out, points[at]);
    else
      out += points[at];
  }
  return to_text(out);
}

std::string capitalize(std::string_view text) {
  std::u32string points = to_points(text), out;
  for (size_t at = 0; at < points.size(); ++at) {
    if (at == 0)
      append_title(out, points[at]);
    else
      append_lower(out, points, at);
  }
  return to_text(out);
}

std::string title(std::string_view text) {
  std::u32string points = to_points(text), out;
  bool inside = false;
  for (size_t at = 0; at < points.size(); ++at) {
    if (inside)
      append_lower(out, points, at);
    else
      append_title(out, points[at]);
    inside = cased(points[at]);
  }
  return to_text(out);
}

}  // namespace temper::jinja
