// A verifier judges one answer against a reference and says why. Family: one file a verifier in
// verifier/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/foundation/text/json.h"

namespace temper::reward {

/// What is judged.
struct Attempt {
  std::string answer;  ///< the parsed answer (what the environment's parser took from `completion`)
  std::string completion;  ///< the whole assistant text, unparsed
  std::string reference;   ///< the gold answer
  JsonPtr info;            ///< the row's other columns, or null
  std::string row;         ///< where the row came from, for messages
  bool parsed = true;      ///< false: the parser found no answer
};

/// A verifier that failed is not a reward of 0: only Scored values enter a group's statistics.
enum class Outcome { Scored, Error, Timeout, Unscorable };
std::string_view name(Outcome outcome);

struct Score {
  double value = 0;    ///< in the verifier's range; meaningful when outcome is Scored
  std::string reason;  ///< a few words
  Outcome outcome = Outcome::Scored;
};

/// A member of the family. `make` reads the options (a JSON object; unknown keys are an Error) and
/// returns the judge.
struct Verifier {
  std::string_view summary;  ///< one line
  double lowest, highest;    ///< range of its scores
  std::function<std::function<Score(const Attempt&)>(const Json& options, const std::string& where)>
      make;
  std::function<Json()> schema;  ///< JSON Schema of the options
};
struct NamedVerifier {
  std::string_view name;
  const Verifier* member;
};
std::span<const NamedVerifier> verifier_catalogue();
/// Throws Error with the nearest names.
const Verifier& find_verifier(const std::string& name);

/// A judge that never throws. A verifier throws temper::Error for what the row lacks (a reference
/// it cannot read, a missing column): that becomes Unscorable; anything else it throws becomes
/// Outcome::Error; both keep the message as the reason.
using Judge = std::function<Score(const Attempt&)>;
Judge make_judge(const std::string& verifier, const Json& options, const std::string& where);

/// Fills a bound struct from a JSON object (null: nothing given). Throws Error at `where` for
/// unknown keys, values out of range and required ones that are missing.
void read_options(const config::Binding& binding, const Json& options, const std::string& where);

/// Wraps verify(attempt, options) and describe(fields) as a family member; for sources that include
/// <nlohmann/json.hpp>.
template <class Options>
Verifier verifier(Score (*verify)(const Attempt&, const Options&), std::string_view summary,
                  double lowest = 0, double highest = 1) {
  return {.summary = summary,
          .lowest = lowest,
          .highest = highest,
          .make = [verify](const Json& json,
                           const std::string& where) -> std::function<Score(const Attempt&)> {
            Options options;
            read_options(config::bind(options), json, where);
            return [verify, options](const Attempt& attempt) { return verify(attempt, options); };
          },
          .schema = [] { return config::json_schema<Options>("options"); }};
}

}  // namespace temper::reward
