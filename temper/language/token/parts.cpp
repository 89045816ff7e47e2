#include "temper/language/token/parts.h"

#include <algorithm>

#include "temper/foundation/error/error.h"

namespace temper::token {

void Vocabulary::add(std::string_view token, int64_t id, size_t expected,
                     const std::string& where) {
  std::string name = "token '" + std::string(token) + "'";
  auto farthest = static_cast<int64_t>(8 * expected + 1024);
  if (id < 0 || id > farthest) {
    throw Error({name + " has id " + std::to_string(id) + ", wanted 0 … " +
                     std::to_string(farthest) + " in a vocabulary of " + std::to_string(expected),
                 where, ""});
  }
  auto at = static_cast<size_t>(id);
  if (at >= tokens_.size()) tokens_.resize(at + 1);
  if (tokens_[at]) {
    throw Error({name + " and token '" + *tokens_[at] + "' have the same id, " + std::to_string(id),
                 where, "give each token an id of its own"});
  }
  if (auto other = this->id(token)) {
    throw Error({name + " has two ids, " + std::to_string(*other) + " and " + std::to_string(id),
                 where, "drop one of them"});
  }
  tokens_[at] = std::make_unique<const std::string>(token);
  ids_.emplace(*tokens_[at], static_cast<Id>(id));
}

std::optional<Id> Vocabulary::id(std::string_view token) const {
  auto found = ids_.find(token);
  return found != ids_.end() ? std::optional(found->second) : std::nullopt;
}

const std::string* Vocabulary::token(Id id) const {
  return id >= 0 && id < end() ? tokens_[static_cast<size_t>(id)].get() : nullptr;
}

Id add_token(AddedToken token, Parts& parts) {
  if (auto known = parts.vocabulary.id(token.content)) {
    token.id = *known;
  } else {
    auto next = static_cast<Id>(parts.model_count);
    for (const AddedToken& other : parts.added) next = std::max(next, other.id + 1);
    token.id = next;
    parts.vocabulary.add(token.content, next, parts.vocabulary.size() + 1, parts.where);
  }
  Id id = token.id;
  for (AddedToken& other : parts.added) {
    if (other.id != id) continue;
    other = std::move(token);
    return id;
  }
  parts.added.push_back(std::move(token));
  return id;
}

Bpe::Merge merge_of(std::string_view left, std::string_view right, size_t rank,
                    const Parts& parts) {
  auto known = [&](std::string_view token) {
    if (auto id = parts.vocabulary.id(token)) return *id;
    throw Error({"merge " + std::to_string(rank) + ", '" + std::string(left) + " " +
                     std::string(right) + "', needs the token '" + std::string(token) +
                     "', which the vocabulary lacks",
                 parts.where, "vocabulary and merges must come from the same tokenizer"});
  };
  return {known(left), known(right), known(std::string(left).append(right))};
}

}  // namespace temper::token
