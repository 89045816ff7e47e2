#include "temper/app/explain/table.h"

#include <algorithm>
#include <numeric>

#include "temper/app/explain/inline.h"
#include "temper/foundation/text/tag.h"

namespace temper::explain {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 6;

std::vector<std::string> cells_of(std::string_view line) {
  line = text::strip(line);
  line.remove_prefix(1);
  std::vector<std::string> cells(1);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cells.back() += '|';
      ++i;
    } else if (line[i] == '|') {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  if (text::strip(cells.back()).empty()) cells.pop_back();
  for (std::string& cell : cells) cell = std::string(text::strip(cell));
  return cells;
}

bool is_row(const std::vector<std::string>& lines, size_t at) {
  return at < lines.size() && text::strip(lines[at]).starts_with('|');
}

bool is_rule(std::string_view line) {
  return line.find('-') != line.npos && line.find_first_not_of("|-: \t\r") == line.npos;
}

Align align_of(std::string_view rule) {
  if (!rule.ends_with(':')) return Align::Left;
  return rule.starts_with(':') ? Align::Centre : Align::Right;
}

/// What a column would like, and what it needs to keep its words whole.
struct Width {
  int cells = 0, words = 0;
};

Width width_of(const Table& table, size_t column) {
  Width width{inline_width(table.head[column]), longest_word(table.head[column])};
  for (const auto& row : table.rows) {
    width.cells = std::max(width.cells, inline_width(row[column]));
    width.words = std::max(width.words, longest_word(row[column]));
  }
  return width;
}

/// Natural widths, the widest lowered until the row fits; words are cut only where nothing else
/// helps.
std::vector<int> widths_of(const Table& table, int most) {
  std::vector<int> widths, words;
  for (size_t c = 0; c < table.head.size(); ++c) {
    const Width width = width_of(table, c);
    widths.push_back(width.cells);
    words.push_back(width.words);
  }
  const int gaps = kGap * (static_cast<int>(widths.size()) - 1);
  while (std::accumulate(widths.begin(), widths.end(), gaps) > most) {
    int* widest = nullptr;
    for (const bool whole : {true, false}) {
      if (widest) break;
      for (size_t c = 0; c < widths.size(); ++c) {
        const int least = whole ? std::max(words[c], kNarrowest) : kNarrowest;
        if (widths[c] > least && (!widest || widths[c] > *widest)) widest = &widths[c];
      }
    }
    if (!widest) break;
    --*widest;
  }
  return widths;
}

std::string padded(const Line& line, int cells, Align align, const runlog::Terminal& terminal) {
  const int left_over = std::max(0, cells - width(line));
  const int before = align == Align::Left ? 0 : align == Align::Right ? left_over : left_over / 2;
  return std::string(static_cast<size_t>(before), ' ') + painted(line, terminal) +
         std::string(static_cast<size_t>(left_over - before), ' ');
}

std::string row_text(const std::vector<std::string>& row, const Table& table,
                     const std::vector<int>& widths, const runlog::Terminal& terminal) {
  std::vector<std::vector<Line>> columns;
  size_t height = 1;
  for (size_t c = 0; c < row.size(); ++c) {
    columns.push_back(wrapped(row[c], widths[c]));
    height = std::max(height, columns.back().size());
  }
  std::string text;
  for (size_t y = 0; y < height; ++y) {
    std::string line;
    for (size_t c = 0; c < columns.size(); ++c) {
      const Line& cell = y < columns[c].size() ? columns[c][y] : Line();
      line +=
          std::string(c > 0 ? kGap : 0, ' ') + padded(cell, widths[c], table.align[c], terminal);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_fence(std::string_view line) {
  return text::strip(line).starts_with("```");
}

Table take_table(const std::vector<std::string>& lines, size_t& at) {
  if (!is_row(lines, at) || !is_row(lines, at + 1) || !is_rule(lines[at + 1])) return {};
  Table table{.head = cells_of(lines[at]), .align = {}, .rows = {}};
  if (table.head.empty()) return {};
  for (const std::string& rule : cells_of(lines[at + 1])) table.align.push_back(align_of(rule));
  table.align.resize(table.head.size(), Align::Left);
  for (at += 2; is_row(lines, at); ++at) {
    table.rows.push_back(cells_of(lines[at]));
    table.rows.back().resize(table.head.size());
  }
  return table;
}

std::vector<Table> tables_of(std::string_view markdown) {
  const std::vector<std::string> lines = lines_of(markdown);
  std::vector<Table> tables;
  bool code = false;
  for (size_t at = 0; at < lines.size();) {
    if (is_fence(lines[at])) code = !code;
    const size_t before = at;
    Table table = code ? Table() : take_table(lines, at);
    if (at == before) {
      ++at;
    } else {
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

std::string laid_out(const Table& table, const runlog::Terminal& terminal) {
  const std::vector<int> widths = widths_of(table, terminal.width);
  std::vector<std::string> head = table.head;
  for (std::string& cell : head) {
    if (!cell.empty() && cell.find('`') == cell.npos) cell = "**" + cell + "**";
  }
  std::string text = row_text(head, table, widths, terminal);
  for (size_t c = 0; c < widths.size(); ++c) {
    if (c > 0) text += std::string(kGap, ' ');
    for (int i = 0; i < widths[c]; ++i) text += "─";
  }
  text += "\n";
  for (const auto& row : table.rows) text += row_text(row, table, widths, terminal);
  return text;
}

}  // namespace temper::explain
