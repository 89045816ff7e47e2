// The family of algorithms that learn from given answers: one file a member in supervised/.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/leaves.h"

namespace temper::algo {

/// One member with its options bound, ready for the loop.
class SupervisedLoss {
 public:
  virtual ~SupervisedLoss() = default;
  virtual Terms terms(const Tokens& tokens) const = 0;
};

/// A member of the family. `options` and `describe` hold the member's own described struct.
struct Supervised {
  std::string_view summary;  ///< one line, with the paper
  bool needs_entropy = false;
  /// New default options of the member; add `schema` and this pointer to a config::Binding to fill
  /// them.
  std::function<std::shared_ptr<void>()> options;  // shared: the binding and the loss hold it
  std::function<config::Schema()> schema;
  std::function<std::unique_ptr<SupervisedLoss>(const std::shared_ptr<void>& options)> make;
};
struct NamedSupervised {
  std::string_view name;
  const Supervised* member;
};
std::span<const NamedSupervised> supervised_catalogue();

}  // namespace temper::algo
