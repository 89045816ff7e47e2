#include "temper/language/token/added.h"

#include <algorithm>

#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

uint64_t edge(uint32_t node, char byte) {
  return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
}

bool word_before(std::string_view text, size_t at) {
  return at > 0 && (point_before(text, at).classes & kWord);
}

bool word_after(std::string_view text, size_t at) {
  return at < text.size() && (point_at(text, at).classes & kWord);
}

}  // namespace

void AddedMatcher::add(std::string_view pattern, const AddedToken& token) {
  if (pattern.empty()) return;
  uint32_t node = 0;
  for (char byte : pattern) {
    auto [found, fresh] = edges_.try_emplace(edge(node, byte), static_cast<uint32_t>(ends_.size()));
    if (fresh) ends_.push_back(-1);
    node = found->second;
  }
  if (ends_[node] >= 0) return;
  ends_[node] = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
  starts_[static_cast<uint8_t>(pattern[0])] = true;
}

AddedMatcher::Found AddedMatcher::longest_at(std::string_view text, size_t at) const {
  Found found;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    auto next = edges_.find(edge(node, text[i]));
    if (next == edges_.end()) break;
    node = next->second;
    if (ends_[node] >= 0) found = {&tokens_[static_cast<size_t>(ends_[node])], i + 1 - at};
  }
  return found;
}

std::vector<Part> AddedMatcher::parts(std::string_view text) const {
  std::vector<Part> out;
  size_t done = 0;  // may run ahead of `at` where a token stripped the white space behind it
  for (size_t at = 0; at < text.size() && !empty();) {
    if (!starts_[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    auto [token, length] = longest_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + length;
    at = end;
    if (token->single_word && (word_before(text, begin) || word_after(text, end))) continue;
    if (token->lstrip) {
      size_t first = begin;
      while (first > 0) {
        Point point = point_before(text, first);
        if (!(point.classes & kSpace)) break;
        first -= point.length;
      }
      begin = std::max(first, done);
    }
    if (token->rstrip) {
      while (end < text.size()) {
        Point point = point_at(text, end);
        if (!(point.classes & kSpace)) break;
        end += point.length;
      }
    }
    if (done < begin) out.push_back({std::nullopt, done, begin});
    out.push_back({token->id, begin, end});
    done = end;
  }
  if (done < text.size()) out.push_back({std::nullopt, done, text.size()});
  return out;
}

}  // namespace temper::token
