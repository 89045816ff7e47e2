// Members and environments for tests of the loop that samples its pairs. For tests only; defined in
// online_test.cpp.
#pragma once

#include <string>

#include "temper/learn/train/online.h"
#include "temper/learn/train/training.h"

namespace temper::train {

class Onlining : public Training {
 protected:
  void SetUp() override;
  /// Eight prompts a step in an environment where letters earn: from a to g 1, from h to m a half.
  OnlineOptions options(const std::string& name) const;
  Result run_member(const OnlineOptions& o, const std::string& name = "online_dpo",
                    const std::string& yaml = "",
                    const std::atomic<bool>* interrupted = nullptr) const;
};

}  // namespace temper::train
