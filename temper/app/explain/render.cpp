#include "temper/app/explain/render.h"

#include <algorithm>
#include <vector>

#include "temper/app/explain/inline.h"
#include "temper/app/explain/table.h"
#include "temper/foundation/text/tag.h"
#include "temper/foundation/text/utf8.h"

namespace temper::explain {
namespace {

constexpr int kNarrowest = 20;
constexpr std::string_view kCodeIndent = "    ";
constexpr std::string_view kAsserted = "assert: ";  // the mark of numbers that a test computes

bool is_blank(std::string_view line) {
  return text::strip(line).empty();
}

bool is_indented_code(std::string_view line) {
  return line.starts_with(kCodeIndent) && !is_blank(line);
}

int heading_level(std::string_view line) {
  const size_t marks = std::min(line.find_first_not_of('#'), line.size());
  const bool is_heading = marks > 0 && marks < line.size() && line[marks] == ' ';
  return is_heading ? static_cast<int>(marks) : 0;
}

/// Where the text of a list's item begins ("- x", "12. x"); 0: the line is none.
size_t item_text(std::string_view line) {
  const size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view rest = line.substr(begin);
  if (rest.starts_with("- ") || rest.starts_with("* ")) return begin + 2;
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  return digits > 0 && rest.substr(digits).starts_with(". ") ? begin + digits + 2 : 0;
}

class Writer {
 public:
  Writer(std::string_view markdown, const runlog::Terminal& terminal)
      : lines_(lines_of(markdown)), terminal_(terminal) {
    terminal_.width = std::max(kNarrowest, terminal.width);
  }

  std::string write() {
    while (at_ < lines_.size()) {
      if (is_blank(lines_[at_])) {
        ++at_;
        continue;
      }
      if (!out_.empty()) out_ += "\n";
      block();
    }
    return std::move(out_);
  }

 private:
  void block() {
    const std::string& line = lines_[at_];
    if (is_fence(line)) return fenced();
    if (is_indented_code(line)) return indented();
    if (const int level = heading_level(line)) return heading(level);
    if (const Table table = take_table(lines_, at_); !table.head.empty()) {
      out_ += laid_out(table, terminal_);
      return;
    }
    if (item_text(line) > 0) return list();
    std::string paragraph = lines_[at_++];
    while (goes_on()) paragraph += "\n" + lines_[at_++];
    put(paragraph, "", "");
  }

  /// Whether the line at hand continues a paragraph or an item.
  bool goes_on() const {
    if (at_ >= lines_.size()) return false;
    const std::string& line = lines_[at_];
    return !is_blank(line) && !is_fence(line) && heading_level(line) == 0 && item_text(line) == 0 &&
           !text::strip(line).starts_with('|');
  }

  void put(std::string_view markdown, const std::string& first, const std::string& next) {
    const int cells = std::max(1, terminal_.width - text::width(first));
    std::string lead = first;
    for (const Line& line : wrapped(markdown, cells)) {
      out_ += lead + painted(line, terminal_) + "\n";
      lead = next;
    }
  }

  void heading(int level) {
    const std::string text = plain(std::string_view(lines_[at_++]).substr(size_t(level) + 1));
    out_ += runlog::paint(terminal_, runlog::Color::Bold, text) + "\n";
    if (terminal_.color || level > 2) return;
    out_ += std::string(static_cast<size_t>(text::width(text)), level == 1 ? '=' : '-') + "\n";
  }

  void code(std::string_view line) {
    if (line.starts_with(kAsserted)) line.remove_prefix(kAsserted.size());
    if (!is_blank(line)) out_ += std::string(kCodeIndent) + std::string(line);
    out_ += "\n";
  }

  void fenced() {
    for (++at_; at_ < lines_.size() && !is_fence(lines_[at_]); ++at_) code(lines_[at_]);
    ++at_;
  }

  void indented() {
    size_t end = at_;  // behind the last line of code; blank lines between belong to it
    for (size_t i = at_; i < lines_.size() && (is_indented_code(lines_[i]) || is_blank(lines_[i]));
         ++i) {
      if (!is_blank(lines_[i])) end = i + 1;
    }
    for (; at_ < end; ++at_) {
      code(std::string_view(lines_[at_]).substr(std::min(kCodeIndent.size(), lines_[at_].size())));
    }
  }

  void list() {
    while (at_ < lines_.size()) {
      const size_t text = item_text(lines_[at_]);
      if (text == 0) return;
      const std::string mark = lines_[at_].substr(0, text);
      std::string item = lines_[at_++].substr(text);
      while (goes_on()) item += "\n" + std::string(text::strip(lines_[at_++]));
      put(item, mark, std::string(text, ' '));
    }
  }

  std::vector<std::string> lines_;
  runlog::Terminal terminal_;
  size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string rendered(std::string_view markdown, const runlog::Terminal& terminal) {
  return Writer(markdown, terminal).write();
}

}  // namespace temper::explain
