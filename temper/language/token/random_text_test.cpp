#include "temper/language/token/random_text.h"

#include <iterator>

#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

struct Range {
  uint32_t first, last;
};

constexpr const char* kSpecials[] = {"<|endoftext|>",
                                     "<|im_start|>",
                                     "<|im_end|>",
                                     "<word>",
                                     "<left>",
                                     "<right>",
                                     "<both>",
                                     "<|im",
                                     "tool",
                                     "cafe\xcc\x81",
                                     "caf\xc3\xa9",
                                     " the ",
                                     "\xe6\x97\xa5\xe6\x9c\xac",
                                     "<left><right>",
                                     "<|im_start|><|im_end|>"};
constexpr const char* kSpaces[] = {" ",
                                   "  ",
                                   "   ",
                                   "\x0a",
                                   "\x0a\x0a",
                                   "\x0d\x0a",
                                   "\x09",
                                   " \x0a ",
                                   "\xc2\xa0",
                                   "\xe3\x80\x80",
                                   "\xe2\x80\xa8",
                                   "\xc2\x85",
                                   "\xe2\x80\x8b",
                                   "\xe1\x9a\x80 ",
                                   "\x0a \x0a",
                                   " \x09 ",
                                   "\x1f",
                                   "\x0b\x0c",
                                   "    \x0a",
                                   "\xe2\x80\xaf"};
constexpr const char* kQuotes[] = {"'s",  "'S",  "'t",   "'re",       "'Ve", "'LL",
                                   "'ll", "'m",  "'D",   "'\xc5\xbf", "'x",  "\xe2\x80\x99s",
                                   "''",  "'sx", "'RE'", "'l"};
constexpr const char* kWords[] = {
    "the",
    "of",
    "and",
    "Hello",
    "world",
    "I",
    "don",
    "it",
    "HTTP",
    "tokenizer",
    "Stra\xc3\x9f"
    "e",
    "na\xc3\xafve",
    "caf\xc3\xa9",
    "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
    "\xd0\xbc\xd0\xb8\xd1\x80",
    "\xce\xba\xcf\x8c\xcf\x83\xce\xbc\xce\xb5",
    "\xe4\xbd\xa0\xe5\xa5\xbd",
    "\xe4\xb8\x96\xe7\x95\x8c",
    "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf",
    "\xd9\x85\xd8\xb1\xd8\xad\xd8\xa8\xd8\xa7",
    "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
    "\xec\x95\x88\xeb\x85\x95",
    "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80",
    "Ti\xe1\xba\xbfng",
    "Vi\xe1\xbb\x87t",
    "\xe0\xb8\xaa\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xaa\xe0\xb8\x94\xe0\xb8\xb5"};
constexpr Range kLetters[] = {
    {0x61, 0x7a},     {0x41, 0x5a},     {0xc0, 0x24f},    {0x391, 0x3c9},  {0x410, 0x44f},
    {0x5d0, 0x5ea},   {0x621, 0x64a},   {0x904, 0x939},   {0xe01, 0xe30},  {0x3041, 0x3096},
    {0x4e00, 0x9fff}, {0xac00, 0xd7a3}, {0x1ea0, 0x1ef9}, {0x1e00, 0x1eff}};
constexpr uint32_t kDigits[] = {0x30,   0x30,    0x30,   0x660, 0x966,
                                0xff10, 0x1d7ce, 0x2160, 0xb9,  0x2460};
constexpr Range kMarks[] = {{0x300, 0x36f},   {0x300, 0x345},   {0x5b0, 0x5bc},   {0x93c, 0x94d},
                            {0x3099, 0x309a}, {0x1161, 0x1175}, {0x11a8, 0x11c2}, {0x1100, 0x1112},
                            {0x9be, 0x9be},   {0x653, 0x655}};
constexpr Range kEmoji[] = {{0x1f600, 0x1f64f}, {0x1f1e6, 0x1f1ff}, {0x200d, 0x200d},
                            {0xfe0f, 0xfe0f},   {0x1f3fb, 0x1f3ff}, {0x2600, 0x27bf}};

template <class List>
const auto& pick(Stream& stream, const List& list) {
  return list[stream.below(static_cast<uint32_t>(std::size(list)))];
}

template <class List>
void within(Stream& stream, const List& ranges, std::string& out) {
  Range range = pick(stream, ranges);
  append_utf8(range.first + stream.below(range.last - range.first + 1), out);
}

}  // namespace

uint32_t Stream::below(uint32_t n) {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return static_cast<uint32_t>((z ^ z >> 31) >> 32) % n;
}

std::string segment(Stream& s) {
  std::string out;
  uint32_t kind = s.below(16);
  if (kind < 4) {
    if (s.below(3) != 0) out = " ";
    out += pick(s, kWords);
  } else if (kind < 6) {
    Range range = pick(s, kLetters);
    for (uint32_t left = 1 + s.below(6); left > 0; --left)
      append_utf8(range.first + s.below(range.last - range.first + 1), out);
  } else if (kind < 8) {
    out = pick(s, kSpaces);
  } else if (kind == 8) {
    uint32_t zero = pick(s, kDigits);
    for (uint32_t left = 1 + s.below(5); left > 0; --left) append_utf8(zero + s.below(10), out);
  } else if (kind == 9) {
    out = pick(s, kQuotes);
  } else if (kind == 10) {
    for (uint32_t left = 1 + s.below(3); left > 0; --left) within(s, kMarks, out);
  } else if (kind == 11) {
    for (uint32_t left = 1 + s.below(3); left > 0; --left) within(s, kEmoji, out);
  } else if (kind == 12) {
    out = pick(s, kSpecials);
  } else if (kind == 13) {
    for (uint32_t left = 1 + s.below(4); left > 0; --left) append_utf8(33 + s.below(15), out);
  } else if (kind == 14) {
    uint32_t value = s.below(0x110000 - 0x800);
    append_utf8(value < 0xd800 ? value : value + 0x800, out);
  } else {
    for (uint32_t left = 1 + s.below(12); left > 0; --left) append_utf8(97 + s.below(26), out);
  }
  return out;
}

std::string random_string(Stream& stream) {
  std::string out;
  for (uint32_t left = stream.below(12); left > 0; --left) out += segment(stream);
  return out;
}

std::string code_point_text(uint32_t value) {
  std::string c;
  append_utf8(value, c);
  return "a" + c + "b " + c + c + "1" + c + " '" + c + "\n" + c + "  e\xcc\x81" + c + "\xcc\xa3" +
         c;
}

}  // namespace temper::token
