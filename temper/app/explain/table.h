// Tables of Markdown: their cells, and how they are laid out on a terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/runlog/progress.h"

namespace temper::explain {

enum class Align { Left, Right, Centre };

struct Table {
  std::vector<std::string> head;  ///< Markdown of each cell, `\|` read as `|`
  std::vector<Align> align;
  std::vector<std::vector<std::string>> rows;  ///< each as long as `head`
};

/// The table that begins at `lines[at]`, whose next line is the rule; `at` is left behind it.
/// Nothing begins there: an empty head, and `at` stays.
Table take_table(const std::vector<std::string>& lines, size_t& at);

/// Every table of a text, in order; code blocks are passed over.
std::vector<Table> tables_of(std::string_view markdown);

/// Columns in line, two cells apart, at most `terminal.width` wide where that can be; ends in a
/// line break.
std::string laid_out(const Table& table, const runlog::Terminal& terminal);

/// The lines of a text, without their breaks.
std::vector<std::string> lines_of(std::string_view text);

/// Whether the line opens or closes a block of code (```).
bool is_fence(std::string_view line);

}  // namespace temper::explain
