// UTF-8: validity, code points, width on a terminal. Byte sequences are checked as in RFC 3629 (no
// overlong forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace temper::text {

/// One decoded code point. An invalid byte decodes as {U+FFFD, 1, false}.
struct CodePoint {
  char32_t value;
  int bytes;   ///< how many bytes it took, >= 1
  bool valid;  ///< false: the byte begins no valid sequence
};

/// The code point that begins at byte `at`; `at` < text.size().
CodePoint decode_utf8(std::string_view text, size_t at);

bool is_utf8(std::string_view text);

/// The offset of the first byte that is not UTF-8, or npos.
size_t first_invalid_utf8(std::string_view text);

/// The longest prefix that does not end inside a sequence which more bytes could still complete;
/// what a stream may print. Invalid bytes in the middle do not hold it back.
size_t complete_utf8(std::string_view text);

/// The text with each maximal invalid part replaced by U+FFFD (as Python's errors="replace").
std::string repair_utf8(std::string_view text);

std::u32string code_points(std::string_view text);
size_t count_code_points(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);
std::string to_utf8(std::u32string_view code_points);

/// Cells of a terminal that the text fills: 2 for wide characters, 0 for combining and control
/// ones.
int width(std::string_view text);

/// `text` cut to at most `cells` cells, ending in "…" if anything was cut.
std::string elide(std::string_view text, int cells);

/// `text` broken at spaces into lines of at most `cells` cells (a longer word stands alone).
std::string wrap(std::string_view text, int cells, std::string_view indent);

}  // namespace temper::text
