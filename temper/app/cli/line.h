// What the plumbing commands share: one line of JSON Lines, taken key by key, and the options they
// have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "temper/app/cli/command.h"
#include "temper/foundation/text/json.h"
#include "temper/language/chat/speaker.h"

namespace temper::cli {

/// An object that remembers which keys were asked for. Every method throws Error that names the key
/// and the type wanted. The value must outlive it.
class Line {
 public:
  explicit Line(const Json& value) : value_(value) {}

  /// Null when the key is not there or holds null.
  const Json* find(const std::string& key);
  bool has(const std::string& key) { return find(key) != nullptr; }
  std::optional<std::string> text(const std::string& key);
  bool flag(const std::string& key, bool otherwise);
  /// A list of token ids, each within 0 … vocabulary-1.
  std::vector<int32_t> ids(const std::string& key, int64_t vocabulary);
  /// The keys that nobody asked for, with their values.
  Json rest() const;
  /// Throws for a key that nobody asked for, with the nearest names.
  void finish() const;

 private:
  const Json& value_;
  std::vector<std::string> asked_;
};

/// Where a plumbing command's lines come from.
struct InputOptions {
  std::string input;
};
void describe(config::Fields<InputOptions>& f);

/// How the next token is drawn, as flags and as keys of a line.
void describe_sampling(config::Fields<chat::SamplingOptions>& f);

/// Interrupted when Ctrl-C was pressed, else Done.
Exit ended(const Context& context);

/// The first word, when it is no option, is the value of --model.
std::vector<std::string> with_model_first(std::span<const std::string> args);

/// Throws Error when there is a file of this name, or a folder that is not empty.
void refuse_used_folder(const std::string& folder);

}  // namespace temper::cli
