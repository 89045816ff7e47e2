// Replacing and padding, shared by methods and filters of the same names.
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {

std::string replaced(Budget& budget, std::string_view text, std::string_view old,
                     std::string_view fresh, int64_t most) {
  std::string out;
  size_t at = 0;
  auto add = [&](std::string_view piece) {
    budget.room(out.size() + piece.size());
    out += piece;
  };
  if (old.empty()) {  // between all characters, and at both ends
    while (most != 0) {
      budget.spend();
      add(fresh);
      --most;
      if (at == text.size()) return out;
      size_t begin = at;
      next_point(text, at);
      add(text.substr(begin, at - begin));
    }
    add(text.substr(at));
    return out;
  }
  for (; most != 0; --most) {
    size_t found = text.find(old, at);
    if (found == std::string_view::npos) break;
    budget.spend();
    add(text.substr(at, found - at));
    add(fresh);
    at = found + old.size();
  }
  add(text.substr(at));
  budget.spend(text.size() / 64);
  return out;
}

std::string justified(Budget& budget, const std::string& text, int64_t width, char align,
                      const std::string& fill) {
  auto size = static_cast<int64_t>(count_points(text));
  if (width <= size) return text;
  auto space = static_cast<size_t>(width - size);
  budget.text(fill.size(), space);
  // CPython's centre leans left when the margin is odd and the width is too.
  size_t left = align == '<'   ? 0
                : align == '>' ? space
                               : space / 2 + (space & static_cast<size_t>(width) & 1);
  std::string out;
  for (size_t k = 0; k < left; ++k) out += fill;
  out += text;
  for (size_t k = left; k < space; ++k) out += fill;
  return out;
}

}  // namespace temper::jinja
