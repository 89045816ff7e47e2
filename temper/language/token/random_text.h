// Seeded strings that are hard for a tokenizer: scripts, marks, emoji, digits, white space, quotes
// and added tokens mixed. golden/tokens.py makes the same ones, draw for draw. For tests.
#pragma once

#include <cstdint>
#include <string>

namespace temper::token {

/// SplitMix64 (Steele et al. 2014).
class Stream {
 public:
  explicit Stream(uint64_t seed) : state_(seed) {}
  uint32_t below(uint32_t n);

 private:
  uint64_t state_;
};

/// One word, run of spaces, number, …
std::string segment(Stream& stream);
/// Up to eleven segments.
std::string random_string(Stream& stream);
/// The code point in many neighbourhoods.
std::string code_point_text(uint32_t value);

}  // namespace temper::token
