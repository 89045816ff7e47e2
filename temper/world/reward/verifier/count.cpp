// count: how often a literal occurs in the parsed answer.
//
//   score = 1 if #literal(answer) = n, else 0;   n = info[key], or #literal(reference) without key
//
// Occurrences do not overlap. An answer that was not found scores 0, also where n = 0. A row
// without the number is unscorable.
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/tag.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward::count {

struct Options {
  std::string literal, key;
};
void describe(config::Fields<Options>& f) {
  f.add("literal", &Options::literal, "the text that is counted").required();
  f.add("key", &Options::key,
        "column of the row's info with the wanted number; empty: count in the reference");
}

int64_t wanted(const Attempt& a, const Options& o) {
  if (o.key.empty()) return text::count_of(a.reference, o.literal);
  if (!a.info || !a.info->is_object() || !a.info->contains(o.key))
    throw Error({"the row has no info." + o.key, a.row, "add it, or drop the verifier's key"});
  const Json& value = a.info->at(o.key);
  if (!value.is_number_integer())
    throw Error({"info." + o.key + ": wanted an integer, got " + text::to_line(value), a.row, ""});
  return value.get<int64_t>();
}

Score verify(const Attempt& a, const Options& o) {
  if (o.literal.empty()) throw Error({"count: the literal is empty", a.row, "give its text"});
  int64_t want = wanted(a, o);
  if (!a.parsed) return {0, "no answer found"};
  int64_t got = text::count_of(a.answer, o.literal);
  return {got == want ? 1.0 : 0.0,
          "wanted " + std::to_string(want) + ", got " + std::to_string(got)};
}

extern const Verifier entry = verifier<Options>(verify, "a literal occurs as often as it should");

}  // namespace temper::reward::count
