// For tests of the preference family; defined in preference_test.cpp.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "temper/learn/algo/preference.h"

namespace temper::algo {

/// A member by name, its options read from YAML.
std::unique_ptr<PreferenceLoss> preference_member(const std::string& name,
                                                  const std::string& options = "");
/// The pair of the pages: 4 and 5 tokens.
PairSums worked_pair();
/// The value of a metric as the loop logs it.
double mean_of(const std::vector<Metric>& metrics, const std::string& name);
/// Members with options: every loss_type, and what else changes a formula.
extern const std::vector<std::pair<std::string, std::string>> kVariants;

}  // namespace temper::algo
