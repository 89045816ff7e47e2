// For tests: commands run in this process, with what they print and what they throw; and a small
// model to run them on.
#pragma once

#include <string>
#include <vector>

#include "temper/app/cli/command.h"
#include "temper/foundation/text/json.h"

namespace temper::cli {

struct Ran {
  Exit exit = Exit::Failed;
  std::string out, error;           ///< error: what it threw
  std::vector<Json> lines() const;  ///< `out` as JSON Lines
};
/// Whether Ctrl-C was pressed before the command began.
enum class CtrlC { No, Pressed };
/// `input` is its standard input.
Ran run_command(const std::string& name, const std::vector<std::string>& args,
                const std::string& input = "", CtrlC ctrl_c = CtrlC::No);

/// A folder of this process's own, empty.
std::string fresh_folder(const std::string& name);

/// A fresh model of two layers and 261 tokens, context 256, with a ChatML template; made once. Its
/// tokenizer has the 256 bytes, "he" (256), "ll" (257) and ChatML's special tokens (258 … 260).
const std::string& small_model();

}  // namespace temper::cli
