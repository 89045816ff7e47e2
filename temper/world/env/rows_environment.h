// Environments over rows that are read: a YAML file names them, or a data set's file and the
// names of verifiers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "temper/world/env/environment.h"
#include "temper/world/env/rows.h"

namespace temper::env {

struct RowsEnvironment {
  std::string name, system_prompt;
  std::string parser = "text", field = "answer";  ///< make_parser's
  std::string where;                              ///< of the parser, for messages
  reward::Rubric rubric;
  RowSet rows;
};
std::unique_ptr<Environment> rows_environment(RowsEnvironment parts);

/// A data set with the columns `prompt` (or `question`) and `answer`, and verifiers by name.
struct RewardFunctions {
  std::string dataset;             ///< JSON Lines; every fifth row is held out
  std::vector<std::string> names;  ///< of the verifier catalogue
  std::vector<double> weights;     ///< one a name; empty: 1 each
  JsonPtr options;                 ///< {verifier: its options}, or null
  /// Empty: xml (the tag is `answer`) beside xml_format, which then looks for that tag unless its
  /// options say otherwise; else text.
  std::string parser;
  bool judged_elsewhere = false;  ///< names may be empty: the rubric then has no parts
};
/// Throws Error for what rows, verifiers and parsers refuse, and for weights that are not as many.
std::unique_ptr<Environment> dataset_environment(const RewardFunctions& functions);

}  // namespace temper::env
