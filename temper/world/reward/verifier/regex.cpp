// regex: the answer matches a pattern (PCRE2 syntax, Unicode).
//
//   score = 1 if the pattern matches somewhere in the answer (whole: matches all of it), else 0
//
// Without a pattern the row's reference is the pattern. Matching takes a bounded number of steps;
// beyond it the outcome is timeout, not 0. Bytes that are not UTF-8 match nothing.
#include <nlohmann/json.hpp>
#include <optional>

#include "temper/foundation/text/regex.h"
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

text::Regex compile(const std::string& pattern, const Options& o, const std::string& where) {
  return {pattern,
          where,
          {.case_insensitive = o.case_insensitive,
           .whole = o.whole,
           .match_limit = static_cast<uint32_t>(o.match_limit)}};
}

Score match(const text::Regex& regex, const std::string& text, const Options& o) {
  switch (regex.match(text)) {
    case text::Regex::Found::Yes:
      return {1, "matches"};
    case text::Regex::Found::No:
      return {0, "does not match"};
    case text::Regex::Found::GaveUp:
      break;
  }
  return {0, "gave up after " + std::to_string(o.match_limit) + " steps", Outcome::Timeout};
}

std::function<Score(const Attempt&)> make(const Json& json, const std::string& where) {
  Options options;
  read_options(config::bind(options), json, where);
  std::optional<text::Regex> given;
  if (!options.pattern.empty()) given = compile(options.pattern, options, where);
  return [options, given](const Attempt& a) -> Score {
    const text::Regex regex = given ? *given : compile(a.reference, options, a.row);
    bool answer = options.of == "answer";
    if (answer && !a.parsed) return {0, "no answer found"};
    return match(regex, answer ? a.answer : a.completion, options);
  };
}

extern const Verifier entry = {.summary = "the answer matches a regular expression",
                               .lowest = 0,
                               .highest = 1,
                               .make = make,
                               .schema = [] { return config::json_schema<Options>("options"); }};

}  // namespace temper::reward::regex
