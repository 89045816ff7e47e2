// Pre-tokenisation: a text becomes the words that byte-pair encoding works on. A chain of steps,
// each cutting what the step before it gave, as tokenizer.json's `pre_tokenizer` lists them:
//
//   gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   llama3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//            ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+        (Qwen2: \p{N} for \p{N}{1,3})
//
// These two are written by hand; any other expression goes through PCRE2.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "temper/language/token/pattern.h"

namespace temper::token {

enum class Behaviour { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

struct Step {
  enum class Kind {
    Gpt2,
    Llama3,  ///< numbers in runs of at most `digits`
    Digits,  ///< cuts around numbers, or around each digit
    Prefix,  ///< puts a space before a piece that has none
    Regex
  };
  Kind kind;
  int digits = 1;
  bool individual = false;
  std::optional<Pattern> pattern = {};
  Behaviour behaviour = Behaviour::Isolated;
  bool invert = false;
};

/// The step for a Split expression: hand-written when it is one of the published ones.
Step split_step(const std::string& expression, Behaviour behaviour, bool invert,
                const std::string& where);
/// The published expressions, as they stand in tokenizer.json.
const std::string& llama3_expression();
const std::string& qwen2_expression();

/// Receives each word. A plain function and its argument, since it is called for every word.
struct Sink {
  void (*word)(void* self, std::string_view word);
  void* self;
  void operator()(std::string_view piece) const { word(self, piece); }
};

/// Gives the words of `text` in order; none is empty.
void split(const std::vector<Step>& steps, std::string_view text, const Sink& sink);

}  // namespace temper::token
