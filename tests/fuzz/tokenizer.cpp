// tokenizer.json up to the first NUL byte, a text behind it: reading, encoding and decoding may
// throw temper::Error and nothing else, and byte-level encoding of a full vocabulary loses no byte.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "temper/foundation/error/error.h"
#include "temper/language/token/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  size_t end = input.find('\0');
  std::string_view text = end < size ? input.substr(end + 1) : "It's 12 caf\u00e9s  \n<s> ab";
  try {
    auto tokenizer = temper::token::Tokenizer::from_json(input.substr(0, end), "fuzz");
    auto ids = tokenizer.encode(text, true);
    auto all = tokenizer.decode(ids);
    tokenizer.decode(ids, true);
    temper::token::StreamDecoder stream(tokenizer, false);
    std::string pieces;
    for (auto id : ids) pieces += stream.push(id);
    if (pieces + stream.finish() != all) __builtin_trap();
  } catch (const temper::Error&) {
  }
  return 0;
}
