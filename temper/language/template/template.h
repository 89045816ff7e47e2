// The Jinja that published chat templates use, byte-equal to what transformers renders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/text/json.h"

namespace temper::jinja {

/// What one rendering may cost; beyond it, render throws.
struct Limits {
  int64_t steps = 2'000'000;        ///< expressions, statements, items, and 64-byte pieces of text
  size_t output_bytes = 16U << 20;  ///< of the result and of every string on the way
};

/// Half open, in bytes of Rendered::text.
struct ByteSpan {
  size_t begin = 0, end = 0;
};

struct Rendered {
  std::string text;
  /// What `{% generation %}` blocks printed, in the order in which the blocks ended.
  std::vector<ByteSpan> assistant;
};

struct Parsed;

/// A parsed template; immutable, cheap to copy, rendered from any number of threads.
class Template {
 public:
  /// Throws Error with `where` and the line.
  static Template parse(std::string_view source, const std::string& where);

  bool has_generation_blocks() const;

  /// `variables`: a JSON object (messages, tools, add_generation_prompt, bos_token, …); `now_s`:
  /// seconds since 1970 for strftime_now (the local zone is UTC). Throws Error; what a template
  /// says through raise_exception becomes `what`.
  Rendered render(const Json& variables, int64_t now_s, Limits limits = {}) const;

 private:
  explicit Template(std::shared_ptr<const Parsed> parsed);
  std::shared_ptr<const Parsed> parsed_;  // shared by copies of the template
};

}  // namespace temper::jinja
