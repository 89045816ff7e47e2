// Numbers and escaped strings as Python and Jinja write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace temper::jinja {

/// Bytes of the float or integer literal that `text` starts with; 0 if it does not.
size_t float_size(std::string_view text);
size_t integer_size(std::string_view text);
/// float(text) of a literal, "_" allowed between digits.
double read_double(std::string_view text);
/// int(text, base) of digits without white space or sign; base 0 goes by the prefix. Nothing if it
/// is no integer of 64 bits.
std::optional<int64_t> read_integer(std::string_view text, int base);
/// int(text, base) and float(text) of any text; nothing where Python raises ValueError. Throws
/// Error for an integer beyond 64 bits.
std::optional<int64_t> parse_integer(std::string_view text, int base);
std::optional<double> parse_double(std::string_view text);
/// A string literal's inside with its escapes resolved as Python's unicode-escape codec does.
std::string unescaped(std::string_view text);

}  // namespace temper::jinja
