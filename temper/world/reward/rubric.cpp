#include "temper/world/reward/rubric.h"

#include <algorithm>
#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"

namespace temper::reward {

Rubric::Rubric(std::vector<Part> parts) : parts_(std::move(parts)) {
  if (parts_.empty()) throw Error({"a rubric needs at least one verifier", "", ""});
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    ASSERT(part.judge && part.lowest <= part.highest, "a part has a judge and a range");
    if (!std::isfinite(part.weight))
      throw Error({"the weight of '" + part.name + "' is not a finite number", "", ""});
    for (size_t j = 0; j < i; ++j) {
      if (parts_[j].name == part.name)
        throw Error({"two parts of the rubric are called '" + part.name + "'", "",
                     "give one of them another name"});
    }
  }
}

Verdict Rubric::judge(const Attempt& attempt) const {
  Verdict verdict;
  for (const Part& part : parts_) {
    Score score = part.judge(attempt);
    // The negated form also catches NaN.
    if (score.outcome == Outcome::Scored &&
        !(score.value >= part.lowest && score.value <= part.highest)) {
      score = {0,
               "score " + text::shortest(score.value) + " is outside " +
                   text::shortest(part.lowest) + " … " + text::shortest(part.highest),
               Outcome::Error};
    }
    if (score.outcome == Outcome::Scored) {
      verdict.reward += part.weight * score.value;
    } else if (part.weight != 0 && verdict.outcome == Outcome::Scored) {
      verdict.outcome = score.outcome;
      verdict.reason = part.name + ": " + score.reason;
    }
    verdict.parts.push_back({part.name, part.weight, std::move(score)});
  }
  if (verdict.outcome != Outcome::Scored) verdict.reward = 0;
  return verdict;
}

double Rubric::lowest() const {
  double sum = 0;
  for (const Part& p : parts_) sum += std::min(p.weight * p.lowest, p.weight * p.highest);
  return sum;
}

double Rubric::highest() const {
  double sum = 0;
  for (const Part& p : parts_) sum += std::max(p.weight * p.lowest, p.weight * p.highest);
  return sum;
}

}  // namespace temper::reward
