#include "temper/language/token/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <vector>

#include "temper/foundation/error/error.h"

namespace temper::token {
namespace {

struct Range {
  uint32_t first, last;
};

// Letters and numbers of Unicode 15 and 16 (PCRE2 10.42 knows 14, utf8proc 2.8 knows 15).
constexpr Range kNewerLetters[] = {
    {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3},
    {0x10d4a, 0x10d65}, {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x1123f, 0x11240},
    {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5},
    {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0},
    {0x11f02, 0x11f02}, {0x11f04, 0x11f10}, {0x11f12, 0x11f33}, {0x1342f, 0x1342f},
    {0x13441, 0x13446}, {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c},
    {0x18cff, 0x18cff}, {0x1b132, 0x1b132}, {0x1b155, 0x1b155}, {0x1df25, 0x1df2a},
    {0x1e030, 0x1e06d}, {0x1e4d0, 0x1e4eb}, {0x1e5d0, 0x1e5ed}, {0x1e5f0, 0x1e5f0},
    {0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af}};
constexpr Range kNewerNumbers[] = {{0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9},
                                   {0x11f50, 0x11f59}, {0x16130, 0x16139}, {0x16d70, 0x16d79},
                                   {0x1ccf0, 0x1ccf9}, {0x1d2c0, 0x1d2d3}, {0x1e4f0, 0x1e4f9},
                                   {0x1e5f1, 0x1e5fa}};
constexpr Range kNumericOf17[] = {{0x11de0, 0x11de9}, {0x16ff4, 0x16ff6}};
// In \w without being a letter, mark, decimal digit, letter number, connector or joiner: circled
// and squared letters (Other_Alphabetic), and what Unicode 16 added.
constexpr Range kOtherWords[] = {
    {0x24b6, 0x24e9},   {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189},
    {0x200c, 0x200d},   {0x897, 0x897},     {0x10d40, 0x10d65}, {0x10d69, 0x10d6d},
    {0x10efc, 0x10efc}, {0x113b7, 0x113c0}, {0x113c2, 0x113c2}, {0x113c5, 0x113c5},
    {0x113c7, 0x113ca}, {0x113cc, 0x113d3}, {0x113e1, 0x113e2}, {0x116d0, 0x116e3},
    {0x11bf0, 0x11bf9}, {0x11f5a, 0x11f5a}, {0x16100, 0x16139}, {0x16d70, 0x16d79},
    {0x1ccf0, 0x1ccf9}, {0x1e5d0, 0x1e5fa}};
constexpr Range kSpaces[] = {{0x9, 0xd},       {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},
                             {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                             {0x205f, 0x205f}, {0x3000, 0x3000}};

// Marks that came after Unicode 9, which the NFC of `tokenizers` does not know: it takes each for a
// code point that nothing reorders or composes with.
constexpr Range kLateMarks[] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},
    {0xc3c, 0xc3c},     {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},
    {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},   {0xa82c, 0xa82c},   {0x10d24, 0x10d27},
    {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
    {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a},
    {0x11930, 0x11930}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42},
    {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef}};

bool late_mark(uint32_t value) {
  return std::any_of(std::begin(kLateMarks), std::end(kLateMarks),
                     [=](Range r) { return value >= r.first && value <= r.last; });
}

uint8_t classes_of(uint32_t value) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter | kWord;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
      return kNumber | kNumeric | kWord;
    case UTF8PROC_CATEGORY_NO:
      return kNumber | kNumeric;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_PC:
      return kWord;
    default:
      return 0;
  }
}

constexpr uint32_t kTabled = 0x40000;  // above it: no letter, number or space; marks of plane 14

// For every code point below kTabled, its class and whether NFC may do something at it.
struct Table {
  std::unique_ptr<uint8_t[]> classes{new uint8_t[kTabled]};
  std::vector<bool> unstable = std::vector<bool>(kTabled);

  Table() {
    for (uint32_t value = 0; value < kTabled; ++value) classes[value] = classes_of(value);
    auto add = [&](auto& ranges, uint8_t bits) {
      for (Range r : ranges)
        for (uint32_t value = r.first; value <= r.last; ++value) classes[value] |= bits;
    };
    add(kNewerLetters, kLetter | kWord);
    add(kNewerNumbers, kNumber | kNumeric);
    add(kNumericOf17, kNumeric);
    add(kOtherWords, kWord);
    add(kSpaces, kSpace);
    for (uint32_t value = 0x300; value < kTabled; ++value) unstable[value] = may_change(value);
    for (Range r : kLateMarks)
      for (uint32_t value = r.first; value <= r.last; ++value) unstable[value] = false;
  }

  // A code point that is a mark, that composes with what stands before it (marks of class 0 and
  // Hangul jamo: all of category M or conjoining), or that NFC replaces.
  static bool may_change(uint32_t value) {
    if (value >= 0xd800 && value < 0xe000) return false;
    const utf8proc_property_t* property = utf8proc_get_property(static_cast<int>(value));
    if (property->combining_class != 0) return true;
    if (property->category >= UTF8PROC_CATEGORY_MN && property->category <= UTF8PROC_CATEGORY_ME)
      return true;
    if (value >= 0x1100 && value < 0x1200) return true;
    if (property->decomp_type != 0 || property->decomp_seqindex == UINT16_MAX) return false;
    return value < 0xac00 || value >= 0xd7a4;  // a canonical decomposition that is not Hangul's
  }
};

const Table& table() {
  static const Table built;
  return built;
}

uint8_t classes(uint32_t value) {
  if (value < kTabled) {
    static const uint8_t* const all = table().classes.get();
    return all[value];
  }
  return value >= 0xe0100 && value <= 0xe01ef ? kWord : 0;
}

bool unstable(uint32_t value) {
  return value < kTabled && table().unstable[value];
}

std::string ranges_text(const Range* begin, const Range* end) {
  std::string out;
  char text[40];
  for (; begin != end; ++begin) {
    snprintf(text, sizeof text, "\\x{%x}-\\x{%x}", begin->first, begin->last);
    out += text;
  }
  return out;
}

// NFC of a part that is valid UTF-8.
void append_nfc(std::string_view text, std::string& out) {
  utf8proc_uint8_t* made = nullptr;
  auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                             static_cast<utf8proc_ssize_t>(text.size()), &made,
                             static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  ASSERT(length >= 0, "utf8proc refused text that was checked");
  out.append(reinterpret_cast<const char*>(made), static_cast<size_t>(length));
  std::free(made);
}

bool continues(char byte) {
  return (static_cast<uint8_t>(byte) & 0xc0) == 0x80;
}

}  // namespace

Point wide_point_at(std::string_view text, size_t at) {
  constexpr Point kBad{0xfffd, 0, 1};
  auto lead = static_cast<uint8_t>(text[at]);
  auto tail = [&](size_t i) { return static_cast<uint32_t>(text[at + i]) & 0x3f; };
  auto has = [&](size_t count) {
    if (text.size() - at <= count) return false;
    for (size_t i = 1; i <= count; ++i)
      if (!continues(text[at + i])) return false;
    return true;
  };
  auto made = [](uint32_t value, uint8_t length) { return Point{value, classes(value), length}; };
  if (lead < 0xc2) return kBad;
  if (lead < 0xe0) return has(1) ? made((lead & 0x1fu) << 6 | tail(1), 2) : kBad;
  if (lead < 0xf0) {
    if (!has(2)) return kBad;
    uint32_t value = (lead & 0xfu) << 12 | tail(1) << 6 | tail(2);
    return value < 0x800 || (value >= 0xd800 && value < 0xe000) ? kBad : made(value, 3);
  }
  if (lead >= 0xf5 || !has(3)) return kBad;
  uint32_t value = (lead & 7u) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
  return value < 0x10000 || value > 0x10ffff ? kBad : made(value, 4);
}

Point point_before(std::string_view text, size_t at) {
  for (size_t length = 1; length <= 4 && length <= at; ++length) {
    if (continues(text[at - length])) continue;
    Point point = point_at(text, at - length);
    if (point.length == length) return point;
    break;
  }
  return {0xfffd, 0, 1};
}

bool is_valid(std::string_view text, size_t at) {
  return point_at(text, at).length > 1 || static_cast<uint8_t>(text[at]) < 0x80;
}

void append_utf8(uint32_t value, std::string& out) {
  utf8proc_uint8_t bytes[4];
  auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

bool surely_nfc(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Point point = point_at(text, at);
    if (point.value >= 0x300 && unstable(point.value)) return false;
    at += point.length;
  }
  return true;
}

// Only from the stable code point before an unstable one to the next stable one can anything
// change.
std::string nfc(std::string_view text) {
  std::string out;
  size_t copied = 0, base = 0;  // `base`: where the last stable code point stands
  for (size_t at = 0; at < text.size();) {
    Point point = point_at(text, at);
    if (point.value < 0x300 || !unstable(point.value)) {
      base = at;
      at += point.length;
      continue;
    }
    // A byte that is not UTF-8 is stable but cannot be given to utf8proc; nor can a late mark.
    bool takes_part = base < at && base >= copied && is_valid(text, base) &&
                      !late_mark(point_at(text, base).value);
    size_t begin = takes_part ? base : at;
    while (at < text.size()) {
      point = point_at(text, at);
      if (!unstable(point.value)) break;
      at += point.length;
    }
    out.append(text.substr(copied, begin - copied));
    append_nfc(text.substr(begin, at - begin), out);
    copied = base = at;
  }
  return out.append(text.substr(copied));
}

size_t incomplete_tail(std::string_view text) {
  for (size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    auto lead = static_cast<uint8_t>(text[text.size() - length]);
    if ((lead & 0xc0) == 0x80) continue;
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    if (lead >= 0xf5 || wanted <= length) return 0;
    if (length == 1) return 1;
    // The second byte decides whether this can still become a code point.
    auto second = static_cast<uint8_t>(text[text.size() - length + 1]);
    bool refused = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                   (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
    return refused ? 0 : length;
  }
  return 0;
}

std::string repaired(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Point point = point_at(text, at);
    if (point.length > 1 || point.value < 0x80) {
      out.append(text.substr(at, point.length));
      at += point.length;
      continue;
    }
    out += "\xef\xbf\xbd";
    size_t end = at + 1;  // one mark for the longest beginning of a code point
    while (end < text.size() && incomplete_tail(text.substr(at, end + 1 - at)) == end + 1 - at)
      ++end;
    bool begins = incomplete_tail(text.substr(at, 1)) == 1;
    at = begins ? end : at + 1;
  }
  return out;
}

std::string newer_letters() {
  return ranges_text(std::begin(kNewerLetters), std::end(kNewerLetters));
}
std::string newer_numbers() {
  return ranges_text(std::begin(kNewerNumbers), std::end(kNewerNumbers));
}

}  // namespace temper::token
