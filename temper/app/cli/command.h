// The family of commands: one file a command in command/, its name the file's (a trailing _
// dropped). A command has a described struct of options, from which --help, parsing and errors
// come.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/engine/sample/load.h"
#include "temper/foundation/config/config.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/runlog/progress.h"

namespace temper::cli {

/// What main() gives every command.
struct Context {
  runlog::Terminal terminal;
  /// Set by Ctrl-C (first press); commands stop soon after. One that lives on takes the press back.
  /// Null: nothing can interrupt.
  std::atomic<bool>* interrupted;
  bool plan_only = false;  ///< training commands say what the run would cost, and do not begin

  bool stopped() const { return interrupted != nullptr && *interrupted; }
};

struct Command {
  std::string_view group;    ///< heading in `temper --help`: train, try, look, plumbing
  std::string_view summary;  ///< one line
  /// The words after the command's name. Returns the exit code; throws Error for what the caller
  /// can mend.
  std::function<Exit(std::span<const std::string> args, const Context& context)> run;
};
struct NamedCommand {
  std::string_view name;
  const Command* member;
};
std::span<const NamedCommand> command_catalogue();

/// A mistake in the command line or a config: exit code 2, where other Errors give 3.
class UsageError : public Error {
 public:
  explicit UsageError(const Error& error) : Error(error) {}
};

/// Parses `args` into options that were bound; prints help and returns true when --help was given.
/// `positional` receives what is not an option; more than `most_positional` words are a
/// UsageError, as are options that cannot be read.
struct Asked {
  bool help = false;
  std::vector<std::string> positional;
  config::Parsed parsed;
};
Asked ask(const config::Binding& binding, std::span<const std::string> args,
          std::string_view command, std::string_view usage, size_t most_positional = 0);

/// JSON Lines in (standard input, or the file named by --input), JSON Lines out, one line each, in
/// order, flushed. A line that cannot be used, or for which `answer` throws Error, gives {"error":
/// …}, which names the line, and the next one follows. Blank lines are passed over, but counted.
/// Stops early when interrupted.
void each_line(const std::string& input, const Context& context,
               const std::function<Json(const Json& line)>& answer);

/// The same for work that is quicker done together: `begin` takes a line and gives what will make
/// its answer, `work` is called once after every `most` lines and before their answers are made.
struct LineBatch {
  size_t most = 1;
  std::function<std::function<Json()>(const Json& line)> begin;
  std::function<void()> work;
};
void each_batch(const std::string& input, const Context& context, const LineBatch& batch);

/// True when --input, or standard input, is a file: nobody waits for an answer between two lines.
bool reads_file(const std::string& input);

/// The model a plumbing or trying command runs on.
struct ModelOptions {
  std::string model;
  std::string dtype = "bfloat16";
  sample::QuantiseFlags quantise = {};
  int64_t num_threads = 0;
  std::string memory_limit = {};
};
void describe(config::Fields<ModelOptions>& f);

}  // namespace temper::cli
