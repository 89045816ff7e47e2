// Numbers as people write them: exact reading, shortest and grouped printing, numbers inside prose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace temper::text {

/// The whole of `text` as a decimal number ("1e-5", "+.5", "-3", "inf"; never "nan"); nothing
/// otherwise.
std::optional<double> parse_double(std::string_view text);
/// The whole of `text` as a decimal integer that fits; nothing otherwise.
std::optional<int64_t> parse_int(std::string_view text);

/// The fewest digits that read back as the same double; always with a point or exponent ("1.0",
/// "1.0e-05"), so that YAML 1.1 and 1.2 readers both see a float. Non-finite: ".inf", "-.inf",
/// ".nan".
std::string shortest(double value);

/// 1234567 as "1,234,567".
std::string grouped(int64_t value);
/// The same with `digits` digits behind the point.
std::string grouped(double value, int digits);
/// Fixed point: fixed(0.5, 2) = "0.50".
std::string fixed(double value, int digits);
/// "512MB", "8 GB" (powers of 1000), "1.5GiB" (of 1024), or plain bytes; nothing for what is none
/// of these, or not above 0.
std::optional<int64_t> parse_bytes(std::string_view text);
/// Bytes as "2.6 GB" (powers of 1000).
std::string bytes(double count);
/// Seconds as "m:ss", from one hour on as "h:mm:ss".
std::string duration(double seconds);

/// Every number in prose, in order. "1,234.5" is one number when its groups have three digits;
/// "3-4" is 3 and 4, "-4" after a space or at the start is negative; "1." ends a sentence; "1e-5"
/// counts; "$5" and "5%" are 5; digits inside a word ("x2", "3rd") count too.
std::vector<double> numbers(std::string_view text);
std::optional<double> last_number(std::string_view text);

}  // namespace temper::text
