// Environments of one turn: a system prompt and a question, one answer, a parser and a rubric.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "temper/world/env/environment.h"
#include "temper/world/env/parser.h"
#include "temper/world/env/rows.h"

namespace temper::env {

struct SingleTurn {
  std::string name;
  /// Put in front of every row that does not begin with a system message itself; empty: none.
  std::string system_prompt;
  Parser parser;
  reward::Rubric rubric;
  std::function<int64_t(Split)> size;
  /// The row without the system prompt; `index` is in range.
  std::function<Row(Split, int64_t index, uint64_t seed)> row;
  std::function<std::string(const Row&)> demonstration;
};

/// Makes `size` and `row` those of rows that were read.
void serve(SingleTurn& parts, RowSet rows);

/// Environment::row() throws Error for an index that the split does not have.
std::unique_ptr<Environment> single_turn(SingleTurn parts);

/// A part of a rubric that one verifier judges. Throws Error at `where`.
reward::Part rubric_part(const std::string& name, double weight, const std::string& verifier,
                         const Json& options, const std::string& where);

}  // namespace temper::env
