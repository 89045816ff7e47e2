// What a caller can mend is thrown as temper::Error; what only we can mend stops the program
// through ASSERT, in every build.
#pragma once

#include <exception>
#include <string>

namespace temper {

/// The three parts of every message a user sees. `where` and `try_` may be empty.
struct ErrorParts {
  std::string what;   ///< what went wrong, with wanted and got
  std::string where;  ///< file:line, row, key, tensor, …
  std::string try_;   ///< what to do about it
};

/// A mistake in what temper was given: input, options, files, the machine. Prints as three lines:
/// `what`, `  where: …`, `  try:   …` (the last two only when not empty).
class Error : public std::exception {
 public:
  explicit Error(ErrorParts parts);
  const char* what() const noexcept override { return text_.c_str(); }
  const ErrorParts& parts() const noexcept { return parts_; }
  /// The same error with `where` filled in if it was empty (or put in front of it).
  Error at(const std::string& where) const;

 private:
  ErrorParts parts_;
  std::string text_;
};

/// What the program returns to the shell.
enum class Exit : int {
  Done = 0,
  Failed = 1,        ///< an internal fault
  Usage = 2,         ///< the command line or a config is wrong
  BadInput = 3,      ///< a file, row or model is wrong
  Interrupted = 130  ///< Ctrl-C; the run was saved
};

/// Throws std::logic_error with place and reason.
[[noreturn]] void assertion_failed(const char* condition, const char* why, const char* file,
                                   int line);

}  // namespace temper

#define ASSERT(condition, why) \
  ((condition) ? void(0) : ::temper::assertion_failed(#condition, why, __FILE__, __LINE__))
