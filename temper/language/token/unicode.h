// Unicode as Hugging Face `tokenizers` 0.23 sees it: classes of Unicode 16 (its Digits splitter:
// 17), which is utf8proc's Unicode 15 plus short lists of newer code points; NFC; UTF-8 read one
// code point at a time; UTF-8 repaired as Rust's from_utf8_lossy does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace temper::token {

/// Bits of a code point's class. Nothing set: punctuation, symbols, marks, controls, unassigned.
enum Class : uint8_t {
  kLetter = 1,   ///< \p{L}
  kNumber = 2,   ///< \p{N}
  kSpace = 4,    ///< White_Space
  kNumeric = 8,  ///< \p{N} of Unicode 17
  kWord = 16,    ///< \w: Alphabetic, marks, decimal digits, connectors, joiners
};

/// One code point: its value, its class and the bytes it takes. A byte that starts no valid UTF-8
/// has value 0xFFFD, no class and length 1.
struct Point {
  uint32_t value;
  uint8_t classes;
  uint8_t length;
};

constexpr uint8_t ascii_classes(int byte) {
  if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return kLetter | kWord;
  if (byte >= '0' && byte <= '9') return kNumber | kNumeric | kWord;
  if (byte == ' ' || (byte >= 9 && byte <= 13)) return kSpace;
  return byte == '_' ? kWord : 0;
}
inline constexpr auto kAsciiClasses = [] {
  std::array<uint8_t, 128> all{};
  for (int byte = 0; byte < 128; ++byte) all[static_cast<size_t>(byte)] = ascii_classes(byte);
  return all;
}();

/// point_at for a byte that is not ASCII.
Point wide_point_at(std::string_view text, size_t at);
/// The code point at `at`, which must be inside `text`.
inline Point point_at(std::string_view text, size_t at) {
  auto byte = static_cast<uint8_t>(text[at]);
  return byte < 0x80 ? Point{byte, kAsciiClasses[byte], 1} : wide_point_at(text, at);
}
/// The code point that ends before `at`, which must be above 0.
Point point_before(std::string_view text, size_t at);
/// Whether a valid code point stands at `at`.
bool is_valid(std::string_view text, size_t at);

void append_utf8(uint32_t value, std::string& out);

/// Whether NFC leaves the text as it is for certain (cheap, may say no wrongly).
bool surely_nfc(std::string_view text);
/// The text in NFC; bytes that are not UTF-8 stay.
std::string nfc(std::string_view text);

/// How many bytes at the end of `text` are the beginning of a code point that is not complete.
size_t incomplete_tail(std::string_view text);
/// Every longest part that cannot be UTF-8 becomes one U+FFFD.
std::string repaired(std::string_view text);

/// Letters and numbers that came after Unicode 14, as ranges for a regex class: "\x{..}-\x{..}…".
std::string newer_letters();
std::string newer_numbers();

}  // namespace temper::token
