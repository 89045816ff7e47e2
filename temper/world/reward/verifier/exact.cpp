// exact: the parsed answer equals the reference.
//
//   score = 1 if norm(answer) = norm(reference), else 0
//
// norm strips white space at both ends, and if asked folds case (Unicode; ASCII alone in text that
// is not UTF-8) and makes each run of white space one space. An answer that was not found scores 0.
#include <utf8proc.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "temper/foundation/text/tag.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward::exact {

struct Options {
  bool strip = true, case_insensitive = false, collapse_space = false;
};
void describe(config::Fields<Options>& f) {
  f.add("strip", &Options::strip, "ignore white space at both ends");
  f.add("case_insensitive", &Options::case_insensitive, "upper and lower case are the same");
  f.add("collapse_space", &Options::collapse_space, "any run of white space counts as one space");
}

std::string folded(const std::string& text) {
  utf8proc_uint8_t* out = nullptr;
  auto bytes = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                            static_cast<utf8proc_ssize_t>(text.size()), &out,
                            utf8proc_option_t(UTF8PROC_CASEFOLD | UTF8PROC_STABLE));
  if (bytes >= 0) {
    std::string result(reinterpret_cast<const char*>(out), static_cast<size_t>(bytes));
    std::free(out);  // utf8proc hands over memory from malloc
    return result;
  }
  std::string result = text;
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string normal(const std::string& text, const Options& o) {
  std::string result(o.strip ? text::strip(text) : std::string_view(text));
  if (o.case_insensitive) result = folded(result);
  if (!o.collapse_space) return result;
  std::string collapsed;
  for (char c : result) {
    bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) {
      collapsed += c;
    } else if (collapsed.empty() || collapsed.back() != ' ') {
      collapsed += ' ';
    }
  }
  return collapsed;
}

Score verify(const Attempt& a, const Options& o) {
  if (!a.parsed) return {0, "no answer found"};
  bool same = normal(a.answer, o) == normal(a.reference, o);
  return {same ? 1.0 : 0.0, same ? "equal" : "differs from the reference"};
}

extern const Verifier entry = verifier<Options>(verify, "the answer equals the reference");

}  // namespace temper::reward::exact
