// Members, tiny models and rows for tests of the preference loop. For tests only; defined in
// preference_test.cpp.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "temper/learn/train/preference.h"
#include "temper/learn/train/training.h"

namespace temper::train {

/// A member by name, its options read from YAML.
std::unique_ptr<algo::PreferenceLoss> member(const std::string& name, const std::string& yaml = "");
/// golden/<name>, in float32.
model::Model tiny(const std::string& name, model::Training training);
/// The step of golden/<name>.json.
Json recorded_step(const std::string& name);
/// The model's gradients, loss and metrics are those of the step, and of golden/<name>.safetensors.
void expect_step(const std::string& name, const Json& golden, const step::PairResult& result,
                 model::Model& model);

std::vector<step::Pair*> mine(std::vector<step::Pair>& pairs);
std::vector<const step::Pair*> given(const std::vector<step::Pair>& pairs);

/// Rows whose good answers are of early letters, the others of late letters.
class Preferring : public Training {
 protected:
  /// Answers as write_pairs() has them, one by one, with labels.
  void write_answers(const std::string& name, bool planted, int count = 96) const;
  /// Reads pairs.jsonl, 8 of them held out.
  PreferenceOptions options(const std::string& name) const;
  Result run_member(const PreferenceOptions& o, const std::string& name = "dpo",
                    const std::string& yaml = "",
                    const std::atomic<bool>* interrupted = nullptr) const;
  /// A run of six steps stopped after each of the first ones has the bits of one that was not.
  void expect_resumes(const std::string& name) const;
};

}  // namespace temper::train
