// Markdown as text for a terminal or a pipe: headings, paragraphs and lists wrapped to the width,
// tables in line, code as it stands. What the pages of docs/ use, no more.
#pragma once

#include <string>
#include <string_view>

#include "temper/foundation/runlog/progress.h"

namespace temper::explain {

/// With colour headings and names are painted, without it headings are underlined. Blocks stand a
/// blank line apart; ends in a line break.
std::string rendered(std::string_view markdown, const runlog::Terminal& terminal);

}  // namespace temper::explain
