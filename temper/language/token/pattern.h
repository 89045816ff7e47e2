// A regular expression that cuts a text, with the meaning Hugging Face `tokenizers` gives it: PCRE2
// (JIT, Unicode) with \s, \p{L} and \p{N} widened to Unicode 16. Slower than the hand-written
// splitters and used only for expressions that have none.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace temper::token {

/// Part of a text: a match, or what lies between matches.
struct Cut {
  size_t begin, end;
  bool match;
};

class Pattern {
 public:
  /// Throws Error with `where` when the expression does not compile. A literal matches itself.
  Pattern(const std::string& expression, bool literal, const std::string& where);
  /// Matches and the parts between them, in order, covering the text. Bytes that are not UTF-8 lie
  /// between matches. Throws Error when matching exceeds PCRE2's limits.
  std::vector<Cut> cuts(std::string_view text) const;

 private:
  void cut_valid(std::string_view text, size_t begin, size_t end, std::vector<Cut>& out) const;
  struct Compiled;
  // Shared because the Pattern is immutable and belongs to every copy of its tokenizer.
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace temper::token
