#include "temper/foundation/text/utf8.h"

#include <utf8proc.h>

#include <algorithm>

#include "temper/foundation/error/error.h"

namespace temper::text {
namespace {

struct Scanned {
  char32_t value = 0xFFFD;
  int bytes = 1;       // the sequence's, or its longest valid beginning's
  bool valid = false;  // whole
  bool cut = false;    // the text ended inside it
};

// RFC 3629 §4: the lead byte fixes the length and the range of the second byte.
Scanned scan(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned lead = byte(at);
  if (lead < 0x80) return {char32_t(lead), 1, true, false};
  int length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0) return {};
  unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t value = lead & (0x7Fu >> length);
  for (int i = 1; i < length; ++i) {
    if (at + i == text.size()) return {0xFFFD, i, false, true};
    unsigned next = byte(at + i);
    if (next < low || next > high) return {0xFFFD, i, false, false};
    value = value << 6 | (next & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {value, length, true, false};
}

}  // namespace

CodePoint decode_utf8(std::string_view text, size_t at) {
  ASSERT(at < text.size(), "the offset is inside the text");
  Scanned s = scan(text, at);
  return {s.value, s.valid ? s.bytes : 1, s.valid};
}

size_t first_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    Scanned s = scan(text, at);
    if (!s.valid) return at;
    at += s.bytes;
  }
  return std::string_view::npos;
}

bool is_utf8(std::string_view text) {
  return first_invalid_utf8(text) == std::string_view::npos;
}

size_t complete_utf8(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    size_t at = text.size() - back;
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;  // not a lead byte
    return scan(text, at).cut ? at : text.size();
  }
  return text.size();
}

std::string repair_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Scanned s = scan(text, at);
    if (s.valid) {
      out.append(text.substr(at, s.bytes));
    } else {
      append_utf8(out, 0xFFFD);
    }
    at += s.bytes;
  }
  return out;
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    CodePoint c = decode_utf8(text, at);
    out += c.value;
    at += c.bytes;
  }
  return out;
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) at += decode_utf8(text, at).bytes;
  return count;
}

void append_utf8(std::string& out, char32_t c) {
  ASSERT(c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF), "a Unicode scalar value");
  if (c < 0x80) {
    out += char(c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += char((0xFF00u >> (more + 1) & 0xFF) | c >> (6 * more));
  while (more-- > 0) out += char(0x80 | (c >> (6 * more) & 0x3F));
}

std::string to_utf8(std::u32string_view code_points) {
  std::string out;
  for (char32_t c : code_points) append_utf8(out, c);
  return out;
}

int width(std::string_view text) {
  int cells = 0;
  for (size_t at = 0; at < text.size();) {
    CodePoint c = decode_utf8(text, at);
    cells += utf8proc_charwidth(utf8proc_int32_t(c.value));
    at += c.bytes;
  }
  return cells;
}

std::string elide(std::string_view text, int cells) {
  if (width(text) <= cells) return std::string(text);
  int used = 1;  // the ellipsis
  size_t at = 0;
  while (at < text.size()) {
    CodePoint c = decode_utf8(text, at);
    used += utf8proc_charwidth(utf8proc_int32_t(c.value));
    if (used > cells) break;
    at += c.bytes;
  }
  return cells < 1 ? "" : std::string(text.substr(0, at)) + "…";
}

std::string wrap(std::string_view text, int cells, std::string_view indent) {
  std::string out;
  int used = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    std::string_view word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    int wide = width(word);
    if (!out.empty()) {
      bool fits = used + 1 + wide <= cells;
      out += fits ? " " : "\n" + std::string(indent);
      used = fits ? used + 1 : 0;
    }
    out += word;
    used += wide;
  }
  return out;
}

}  // namespace temper::text
