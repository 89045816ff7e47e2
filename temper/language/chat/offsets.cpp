// Tokens are bytes, so a token's place is the length of those before it. Where the tokenizer
// changed the text (NFC, spaces swallowed by an added token), a place in the text becomes one in
// the joined tokens by encoding the text up to it.
#include "temper/language/chat/offsets.h"

#include <algorithm>

namespace temper::chat {

Offsets::Offsets(const token::Tokenizer& tokenizer, const std::string& text,
                 const std::vector<token::Id>& ids)
    : tokenizer_(tokenizer), text_(text) {
  size_t end = 0;
  same_ = true;
  for (token::Id id : ids) {
    std::string bytes = tokenizer.bytes(id);
    same_ = same_ && text.compare(end, bytes.size(), bytes) == 0;
    ends_.push_back(end += bytes.size());
  }
  same_ = same_ && end == text.size();
}

size_t Offsets::mapped(size_t at) const {
  if (same_) return at;
  if (at >= text_.size()) return ends_.empty() ? 0 : ends_.back();
  size_t bytes = 0;
  for (token::Id id : tokenizer_.encode(text_.substr(0, at), false)) {
    bytes += tokenizer_.bytes(id).size();
  }
  return bytes;
}

int64_t Offsets::token_at(size_t at) const {
  return std::upper_bound(ends_.begin(), ends_.end(), mapped(at)) - ends_.begin();
}

int64_t Offsets::token_after(size_t at) const {
  size_t place = mapped(at);
  if (place == 0) return 0;
  auto holds = std::lower_bound(ends_.begin(), ends_.end(), place);
  return holds == ends_.end() ? std::ssize(ends_) : holds - ends_.begin() + 1;
}

}  // namespace temper::chat
