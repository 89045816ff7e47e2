// Text as Python sees it: code points, their classes, case. All strings here are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace temper::jinja {

bool valid_utf8(std::string_view text);
bool is_ascii(std::string_view text);
/// The code point at `at`, which moves behind it.
char32_t next_point(std::string_view text, size_t& at);
void append_point(std::string& out, char32_t point);
size_t count_points(std::string_view text);
std::u32string to_points(std::string_view text);
std::string to_text(std::u32string_view points);

bool is_space(char32_t point);       ///< str.isspace, and \s of Python's re
bool is_line_break(char32_t point);  ///< where str.splitlines splits
bool is_printable(char32_t point);   ///< str.isprintable: what repr leaves as it is
bool is_alpha(char32_t point);
bool is_decimal(char32_t point);
bool is_digit(char32_t point);
bool is_numeric(char32_t point);
bool is_word(char32_t point);  ///< \w of Python's re
bool is_lower(char32_t point);
bool is_upper(char32_t point);

bool is_lower_text(std::string_view text);  ///< str.islower
bool is_upper_text(std::string_view text);  ///< str.isupper

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string casefold(std::string_view text);
std::string swapcase(std::string_view text);
/// str.capitalize: the first letter in title case, the rest lower.
std::string capitalize(std::string_view text);
/// str.title: a word is a run of cased letters.
std::string title(std::string_view text);

}  // namespace temper::jinja
