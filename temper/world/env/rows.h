// Rows from JSON Lines files, for environments that do not make their own.
#pragma once

#include <string>
#include <vector>

#include "temper/world/env/environment.h"

namespace temper::env {

/// Which keys of a line hold what.
struct Columns {
  std::vector<std::string> prompt = {"prompt", "question"};  ///< the first that is there
  std::string answer = "answer";  ///< its value is text or a number; a missing one is empty text
  /// Not empty: the user's message, with {column} replaced by that column; `prompt` is not read.
  std::string prompt_template = {};
};

/// One row a line. The prompt is text (one user message) or a list of messages; `info` is the
/// line's `info` object, or else its other columns. Blank lines are passed over. Throws Error at
/// file:line for a line that is no row, and for a file without rows.
std::vector<Row> read_rows(const std::string& path, const Columns& columns);

/// The two parts of a task. Without a file for the held-out part every fifth row of `path` is held
/// out of the training part.
struct RowSet {
  std::vector<Row> train, held_out;
  const std::vector<Row>& of(Split split) const { return split == Split::Train ? train : held_out; }
};
RowSet read_split(const std::string& path, const std::string& held_out_path,
                  const Columns& columns);

}  // namespace temper::env
