// Where a byte of a text lies among its tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "temper/language/token/tokenizer.h"

namespace temper::chat {

/// Token places of one encoded text. The text and the tokenizer must outlive it.
class Offsets {
 public:
  /// `ids` is what `tokenizer` made of `text`, without tokens around it.
  Offsets(const token::Tokenizer& tokenizer, const std::string& text,
          const std::vector<token::Id>& ids);

  /// The token that holds byte `at` of the text; ids.size() at its end.
  int64_t token_at(size_t at) const;
  /// One past the token that holds the byte before `at`; 0 at the start.
  int64_t token_after(size_t at) const;

 private:
  size_t mapped(size_t at) const;
  const token::Tokenizer& tokenizer_;
  const std::string& text_;
  std::vector<size_t> ends_;  // of each token, in bytes of the joined tokens
  bool same_ = false;         // the joined tokens are the text
};

}  // namespace temper::chat
