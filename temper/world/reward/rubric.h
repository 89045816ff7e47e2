// A rubric adds up judges with weights: reward = Σ weight · score over the parts that were scored.
#pragma once

#include <string>
#include <vector>

#include "temper/world/reward/verifier.h"

namespace temper::reward {

struct Part {
  std::string name;
  double weight = 1;
  Judge judge;
  double lowest = 0, highest = 1;
};

struct PartScore {
  std::string name;
  double weight;
  Score score;
};

/// What an episode earned. When a weighted part was not scored the whole is not scored: `outcome`
/// and `reason` are that part's, and the episode stays out of the group's statistics.
struct Verdict {
  double reward = 0;
  Outcome outcome = Outcome::Scored;
  std::string reason;
  std::vector<PartScore> parts;
};

class Rubric {
 public:
  explicit Rubric(std::vector<Part> parts);
  /// Of no parts: every answer is scored, with 0. For what is judged elsewhere.
  static Rubric nothing() { return Rubric(); }
  Verdict judge(const Attempt& attempt) const;
  const std::vector<Part>& parts() const { return parts_; }
  double lowest() const;  ///< of the reward
  double highest() const;

 private:
  Rubric() = default;
  std::vector<Part> parts_;
};

}  // namespace temper::reward
