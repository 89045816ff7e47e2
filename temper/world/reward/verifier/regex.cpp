// regex: the answer matches a pattern (PCRE2 syntax, Unicode).
//
//   score = 1 if the pattern matches somewhere in the answer (whole: matches all of it), else 0
//
// Without a pattern the row's reference is the pattern. Matching takes a bounded number of steps;
// beyond it the outcome is timeout, not 0. Bytes that are not UTF-8 match nothing.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward::regex {

struct Options {
  std::string pattern, of = "answer";
  bool whole = false, case_insensitive = false;
  int match_limit = 200000;
};
void describe(config::Fields<Options>& f) {
  f.add("pattern", &Options::pattern, "the regular expression; empty: the row's reference is it");
  f.add("of", &Options::of, "what is matched: the parsed answer or the whole completion")
      .choices({"answer", "completion"});
  f.add("whole", &Options::whole, "the pattern must match all of the text");
  f.add("case_insensitive", &Options::case_insensitive, "upper and lower case are the same");
  f.add("match_limit", &Options::match_limit, "steps of one match before it counts as a timeout")
      .within(1, 100'000'000);
}

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
// Shared because judges are copied; read-only once compiled.
using Code = std::shared_ptr<pcre2_code>;

Code compile(const std::string& pattern, const Options& o, const std::string& where) {
  uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
  if (o.case_insensitive) flags |= PCRE2_CASELESS;
  int fault = 0;
  PCRE2_SIZE offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), flags,
                          &fault, &offset, nullptr),
            Free{});
  if (code) return code;
  PCRE2_UCHAR message[256] = {};
  pcre2_get_error_message(fault, message, sizeof message);
  throw Error({"regex: " + std::string(reinterpret_cast<const char*>(message)) + " at character " +
                   std::to_string(offset) + " of '" + pattern + "'",
               where, "mend the pattern"});
}

Score match(const pcre2_code* code, const std::string& text, const Options& o) {
  std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
  std::unique_ptr<pcre2_match_context, Free> context(pcre2_match_context_create(nullptr));
  if (!data || !context) throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), static_cast<uint32_t>(o.match_limit));
  pcre2_set_heap_limit(context.get(), 64 * 1024);  // KiB
  uint32_t flags = o.whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0;
  int result = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, flags,
                           data.get(), context.get());
  if (result >= 0) return {1, "matches"};
  if (result == PCRE2_ERROR_NOMATCH) return {0, "does not match"};
  if (result == PCRE2_ERROR_MATCHLIMIT || result == PCRE2_ERROR_DEPTHLIMIT ||
      result == PCRE2_ERROR_HEAPLIMIT)
    return {0, "gave up after " + std::to_string(o.match_limit) + " steps", Outcome::Timeout};
  return {0, "PCRE2 error " + std::to_string(result), Outcome::Error};
}

std::function<Score(const Attempt&)> make(const Json& json, const std::string& where) {
  Options options;
  read_options(config::bind(options), json, where);
  Code given = options.pattern.empty() ? nullptr : compile(options.pattern, options, where);
  return [options, given](const Attempt& a) -> Score {
    Code code = given ? given : compile(a.reference, options, a.row);
    bool answer = options.of == "answer";
    if (answer && !a.parsed) return {0, "no answer found"};
    return match(code.get(), answer ? a.answer : a.completion, options);
  };
}

extern const Verifier entry = {.summary = "the answer matches a regular expression",
                               .lowest = 0,
                               .highest = 1,
                               .make = make,
                               .schema = [] { return config::json_schema<Options>("options"); }};

}  // namespace temper::reward::regex
