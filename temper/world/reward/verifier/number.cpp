// number: the last number in the answer equals the last number in the reference.
//
//   score = 1 if |a - b| <= tolerance · max(1, |b|), else 0      (a answer, b reference)
//
// "1,234.5" reads as 1234.5. Where "####" occurs (GSM8K's mark), only what follows its last one is
// read, if that holds a number. An answer without a number scores 0; a reference without one makes
// the row unscorable.
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"
#include "temper/world/reward/verifier.h"

namespace temper::reward::number {

struct Options {
  double tolerance = 1e-6;
};
void describe(config::Fields<Options>& f) {
  f.add("tolerance", &Options::tolerance, "largest relative error that still counts").within(0, 1);
}

std::optional<double> read(std::string_view text) {
  if (size_t mark = text.rfind("####"); mark != text.npos) {
    if (auto value = text::last_number(text.substr(mark + 4))) return value;
  }
  return text::last_number(text);
}

Score verify(const Attempt& a, const Options& o) {
  auto want = read(a.reference);
  if (!want || !std::isfinite(*want))
    throw Error({"the reference holds no number", a.row, "drop the row or its verifier"});
  auto got = a.parsed ? read(a.answer) : std::nullopt;
  if (!got) return {0, "no number in the answer"};
  // An infinite answer gives an infinite difference, so it scores 0.
  bool same = std::abs(*got - *want) <= o.tolerance * std::max(1.0, std::abs(*want));
  return {same ? 1.0 : 0.0, same ? "equal" : "got " + text::shortest(*got)};
}

extern const Verifier entry = verifier<Options>(verify, "the last number equals the reference's");

}  // namespace temper::reward::number
