#include "temper/foundation/text/tag.h"

#include <functional>

#include "temper/foundation/error/error.h"

namespace temper::text {
namespace {

// Calls `take` for each pair until it returns false.
void each_tag(std::string_view text, std::string_view name,
              const std::function<bool(std::string_view)>& take) {
  std::string open = "<" + std::string(name) + ">", close = "</" + std::string(name) + ">";
  for (size_t at = 0;;) {
    size_t begin = text.find(open, at);
    if (begin == std::string_view::npos) return;
    begin += open.size();
    size_t end = text.find(close, begin);
    if (end == std::string_view::npos) return;
    if (!take(strip(text.substr(begin, end - begin)))) return;
    at = end + close.size();
  }
}

}  // namespace

std::string_view strip(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<std::string> first_tag(std::string_view text, std::string_view name) {
  std::optional<std::string> found;
  each_tag(text, name, [&](std::string_view content) {
    found = std::string(content);
    return false;
  });
  return found;
}

std::optional<std::string> last_tag(std::string_view text, std::string_view name) {
  std::optional<std::string> found;
  each_tag(text, name, [&](std::string_view content) {
    found = std::string(content);
    return true;
  });
  return found;
}

std::vector<std::string> all_tags(std::string_view text, std::string_view name) {
  std::vector<std::string> found;
  each_tag(text, name, [&](std::string_view content) {
    found.emplace_back(content);
    return true;
  });
  return found;
}

int count_of(std::string_view text, std::string_view part) {
  ASSERT(!part.empty(), "something to count");
  int count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size())
    ++count;
  return count;
}

}  // namespace temper::text
