#include "temper/app/explain/page.h"

#include "temper/app/explain/inline.h"
#include "temper/foundation/text/tag.h"

namespace temper::explain {
namespace {

/// The paragraph's first sentence: up to a full stop that a capital or a backquote follows.
std::string first_sentence(std::string_view opening) {
  std::string text;
  for (const std::string& line : lines_of(opening)) {
    if (text::strip(line).empty() && !text.empty()) break;
    text += (text.empty() ? "" : " ") + std::string(text::strip(line));
  }
  for (size_t stop = text.find(". "); stop != text.npos; stop = text.find(". ", stop + 1)) {
    const char next = stop + 2 < text.size() ? text[stop + 2] : '`';
    if (next == '`' || (next >= 'A' && next <= 'Z')) return text.substr(0, stop + 1);
  }
  return text;
}

Level level_of(std::string_view title) {
  return title == kSections.front()  ? Level::Concept
         : title == kSections.back() ? Level::Research
                                     : Level::Practice;
}

}  // namespace

const std::vector<std::string_view> kSections = {"In plain words", "Formula",
                                                 "Worked example", "When to use, when not",
                                                 "Options",        "Metrics and how to read them",
                                                 "Pitfalls",       "Derivation and references"};

const Section* Page::section(std::string_view wanted) const {
  for (const Section& each : sections) {
    if (each.title == wanted) return &each;
  }
  return nullptr;
}

std::string Page::at(Level level) const {
  const bool whole = section(kSections.front()) == nullptr;
  std::string text = "# " + title + "\n\n" + opening;
  for (const Section& each : sections) {
    if (!whole && each.level > level) continue;
    text += "\n## " + each.title + "\n" + each.body;
  }
  return text;
}

Page parse_page(std::string_view kind, std::string_view name, std::string_view markdown) {
  Page page{.kind = std::string(kind),
            .name = std::string(name),
            .title = {},
            .opening = {},
            .summary = {},
            .sections = {}};
  bool code = false;
  for (const std::string& line : lines_of(markdown)) {
    if (is_fence(line)) code = !code;
    if (!code && page.title.empty() && line.starts_with("# ")) {
      page.title = line.substr(2);
    } else if (!code && line.starts_with("## ")) {
      const std::string title(text::strip(std::string_view(line).substr(3)));
      page.sections.push_back({title, level_of(title), ""});
    } else {
      (page.sections.empty() ? page.opening : page.sections.back().body) += line + "\n";
    }
  }
  page.summary = plain(first_sentence(page.opening));
  return page;
}

std::vector<std::string> names_in(std::string_view cell) {
  std::vector<std::string> names;
  for (size_t begin = cell.find('`'); begin != cell.npos; begin = cell.find('`', begin)) {
    const size_t end = cell.find('`', begin + 1);
    if (end == cell.npos) break;
    names.emplace_back(cell.substr(begin + 1, end - begin - 1));
    begin = end + 1;
  }
  return names;
}

}  // namespace temper::explain
