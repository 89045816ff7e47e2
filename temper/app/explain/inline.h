// What Markdown marks inside a paragraph or a cell (**bold**, *stressed*, `code`, [text](link)),
// and how it is broken into lines of so many cells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/runlog/progress.h"

namespace temper::explain {

enum class Style { Plain, Bold, Code };

/// Neighbouring text of one style.
struct Run {
  std::string text;
  Style style = Style::Plain;
};
using Line = std::vector<Run>;

/// The text without its marks; a link to the web keeps its address, "text (address)".
std::string plain(std::string_view markdown);

/// Cells of `markdown` when it stands on one line.
int inline_width(std::string_view markdown);

/// Cells of what is broken last: its longest word, or a wide character.
int longest_word(std::string_view markdown);

/// Breaks at spaces and beside wide characters; a word longer than a line is cut. At least one
/// line; white space counts as one space.
std::vector<Line> wrapped(std::string_view markdown, int cells);

int width(const Line& line);
/// With escape sequences where the terminal has colour.
std::string painted(const Line& line, const runlog::Terminal& terminal);

}  // namespace temper::explain
