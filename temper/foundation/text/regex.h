// Regular expressions (PCRE2 syntax, Unicode) from users and files: matching takes a bounded number
// of steps, bytes that are not UTF-8 match nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace temper::text {

class Regex {
 public:
  struct Options {
    bool case_insensitive = false;
    bool whole = false;  ///< the pattern must match all of a text, not a part of it
    uint32_t match_limit = 200'000;
  };
  /// Throws Error with the place in the pattern when it does not compile.
  Regex(const std::string& pattern, const std::string& where, const Options& options);

  enum class Found : uint8_t { Yes, No, GaveUp };
  Found match(std::string_view text) const;

 private:
  struct Compiled;
  // Shared because whoever holds a Regex is copied; read-only once compiled.
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace temper::text
