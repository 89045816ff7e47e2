#include "temper/language/template/loop.h"

namespace temper::jinja {

std::optional<Value> Loop::take() {
  while (taken < items.size()) {
    // Copies: what `keep` runs may ask for the length, which changes both.
    Value item = items[taken++];
    auto ask = keep;
    if (!ask || ask(item)) return item;
  }
  return {};
}

bool Loop::advance() {
  std::optional<Value> next = after ? std::exchange(after, std::nullopt) : take();
  if (!next) return false;
  before = std::exchange(current, *std::move(next));
  has_before = ++index0 > 0;
  return true;
}

std::optional<Value>& Loop::peek() {
  if (!after) after = take();
  return after;
}

int64_t Loop::count() {
  if (known_length) return *known_length;
  if (keep) {  // the rest is filtered now
    std::vector<Value> rest;
    while (auto item = take()) rest.push_back(*std::move(item));
    items = std::move(rest);
    taken = 0;
    keep = nullptr;
    known_length = static_cast<int64_t>(items.size()) + index0 + 1 + (after ? 1 : 0);
  } else {
    known_length = static_cast<int64_t>(items.size());
  }
  return *known_length;
}

}  // namespace temper::jinja
