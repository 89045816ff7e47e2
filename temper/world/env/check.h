// Whether an environment is well formed, and what policies that know nothing earn in it: what
// `temper env check` prints and the conformance suite asserts for every task.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "temper/world/env/environment.h"

namespace temper::env {

struct CheckOptions {
  int64_t rows = 64;  ///< of each split, or all there are
  uint64_t seed = 42;
};

struct Check {
  struct Claim {
    std::string text;
    bool holds;
    std::string detail;  ///< the first row that breaks it
  };
  /// What a fixed way to answer earns on the checked rows of both splits.
  struct BaseRate {
    std::string policy;  ///< demonstration, empty, echo, constant, garbage, long, invalid_utf8
    double mean, lowest, highest;
    int64_t scored, unscored;
    std::vector<double> parts;  ///< mean score of each part of the rubric
  };
  std::string environment;
  int64_t train_rows, held_out_rows, checked_rows;
  double lowest, highest;          ///< the declared range of the reward
  bool seeded;                     ///< rows depend on the seed (else they come from a file)
  std::vector<std::string> parts;  ///< their names
  std::vector<Claim> claims;
  std::vector<BaseRate> base_rates;

  bool passed() const;
};

/// Plays every checked row with each policy. Throws what making a row throws.
Check check(const Environment& environment, const CheckOptions& options);
Json to_json(const Check& check);
/// A table of the base rates and a line for each claim, for a terminal.
std::string table(const Check& check);

}  // namespace temper::env
