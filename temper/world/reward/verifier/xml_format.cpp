// xml_format: how well the whole completion keeps to `<field> … </field>`, as the XMLParser of
// Prime Intellect's `verifiers` (0.1.x) scores one message:
//
//   score = 0.4 · (fields present / fields expected)   if at least one field parses
//         + 0.2                                        spacing; always given
//         + 0.2 if the stripped text starts with the first field's opening tag
//         + 0.2 if it ends with the last field's closing tag
//
// A field is present when it parses or when either of its tags occurs. Departure: text in which no
// tag of any field occurs earns 0; as published it would earn the 0.2 for spacing.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/tag.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward::xml_format {

struct Options {
  std::vector<std::string> fields;
};
void describe(config::Fields<Options>& f) {
  f.add("fields", &Options::fields,
        "names of the tags in their order; 'a|b' is one field under either name")
      .required();
}

std::vector<std::string> alternatives(const std::string& field) {
  std::vector<std::string> names{""};
  for (char c : field) {
    if (c == '|') {
      names.emplace_back();
    } else {
      names.back() += c;
    }
  }
  return names;
}

Score verify(const Attempt& a, const Options& o) {
  std::string_view text = text::strip(a.completion);
  int present = 0;
  bool any_parsed = false;
  for (const std::string& field : o.fields) {
    bool here = false;
    for (const std::string& name : alternatives(field)) {
      bool parsed = text::first_tag(text, name).has_value();
      any_parsed |= parsed;
      here |= parsed || text.find("<" + name + ">") != text.npos ||
              text.find("</" + name + ">") != text.npos;
    }
    present += here;
  }
  if (present == 0) return {0, "no tags"};
  auto is_edge = [&](const std::string& field, bool at_start) {
    std::vector<std::string> names = alternatives(field);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return at_start ? text.starts_with("<" + name + ">") : text.ends_with("</" + name + ">");
    });
  };
  bool starts = is_edge(o.fields.front(), true), ends = is_edge(o.fields.back(), false);
  // In tenths, so that a perfect text earns exactly 1.
  double tenths = (any_parsed ? 4.0 * present / static_cast<double>(o.fields.size()) : 0.0) + 2 +
                  2 * starts + 2 * ends;
  std::string reason = !any_parsed   ? "a tag is not closed"
                       : !starts     ? "text before the tags"
                       : !ends       ? "text after the tags"
                       : tenths < 10 ? "a field is missing"
                                     : "well formed";
  return {tenths / 10, reason};
}

std::function<Score(const Attempt&)> make(const Json& json, const std::string& where) {
  Options options;
  read_options(config::bind(options), json, where);
  bool empty = options.fields.empty();
  for (const std::string& field : options.fields) {
    for (const std::string& name : alternatives(field)) empty |= name.empty();
  }
  if (empty)
    throw Error({"xml_format: a field has no name", where, "for instance fields: [answer]"});
  return [options](const Attempt& attempt) { return verify(attempt, options); };
}

Verifier described() {
  Verifier member = verifier<Options>(verify, "the completion keeps to <field> … </field>");
  member.make = make;
  return member;
}
extern const Verifier entry = described();

}  // namespace temper::reward::xml_format
