// Added tokens: texts that are taken out whole before anything else looks at the input, special
// ones
// (<|im_end|>) among them. Of tokens that start at the same place the longest is taken, then the
// next search starts behind it; `lstrip`, `rstrip` and `single_word` act on what was found, as in
// Hugging Face `tokenizers`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "temper/language/token/bpe.h"

namespace temper::token {

struct AddedToken {
  std::string content;
  Id id = -1;
  bool single_word = false;  ///< not beside a letter, digit, mark or underscore
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< and after it
  bool normalized = false;   ///< looked for in the normalised text
  bool special = false;
};

/// Part of a text: an added token's id, or plain text.
struct Part {
  std::optional<Id> id;
  size_t begin, end;
};

class AddedMatcher {
 public:
  /// Where two patterns are equal, the first counts.
  void add(std::string_view pattern, const AddedToken& token);
  bool empty() const { return tokens_.empty(); }
  /// The parts in order.
  std::vector<Part> parts(std::string_view text) const;

 private:
  struct Found {
    const AddedToken* token = nullptr;
    size_t length = 0;
  };
  Found longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::array<bool, 256> starts_{};
  std::unordered_map<uint64_t, uint32_t> edges_;  // (node, byte) -> node
  std::vector<int32_t> ends_{-1};                 // node -> index of a token, or -1
};

}  // namespace temper::token
