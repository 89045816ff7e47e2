#include "temper/foundation/text/regex.h"

#include <new>

#include "temper/foundation/error/error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace temper::text {

struct Regex::Compiled {
  pcre2_code* code = nullptr;
  Options options;
  ~Compiled() { pcre2_code_free(code); }
};

Regex::Regex(const std::string& pattern, const std::string& where, const Options& options) {
  auto compiled = std::make_shared<Compiled>();
  compiled->options = options;
  uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
  if (options.case_insensitive) flags |= PCRE2_CASELESS;
  int fault = 0;
  PCRE2_SIZE offset = 0;
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                 flags, &fault, &offset, nullptr);
  if (compiled->code == nullptr) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(fault, message, sizeof message);
    throw Error({"regex: " + std::string(reinterpret_cast<const char*>(message)) +
                     " at character " + std::to_string(offset) + " of '" + pattern + "'",
                 where, "mend the pattern"});
  }
  compiled_ = std::move(compiled);
}

Regex::Found Regex::match(std::string_view text) const {
  struct Free {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  };
  std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
  std::unique_ptr<pcre2_match_context, Free> context(pcre2_match_context_create(nullptr));
  if (!data || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), compiled_->options.match_limit);
  pcre2_set_heap_limit(context.get(), 64 * 1024);  // KiB
  const uint32_t flags = compiled_->options.whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
  const int result = pcre2_match(compiled_->code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                                 text.size(), 0, flags, data.get(), context.get());
  if (result >= 0) return Found::Yes;
  return result == PCRE2_ERROR_NOMATCH ? Found::No : Found::GaveUp;
}

}  // namespace temper::text
