// The family of algorithms that learn from given answers: one file a member in supervised/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/leaves.h"

namespace temper::algo {

/// One member with its options bound, ready for the loop.
class SupervisedLoss {
 public:
  virtual ~SupervisedLoss() = default;
  virtual Terms terms(const Tokens& tokens) const = 0;
  /// β of the divergence from a teacher (engine/kernel/divergence.h) that the terms are made of
  /// alone; none: they are made of log-probs.
  virtual std::optional<double> divergence() const = 0;
  /// True when the mean of log π over the vocabulary is read with these options.
  virtual bool needs_mean_logp() const = 0;
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

/// What a member declares beside its loss.
template <class Options>
struct SupervisedNeeds {
  std::string_view summary;
  bool entropy = false;
  double (*divergence)(const Options&) = nullptr;  ///< null: none
  bool (*mean_logp)(const Options&) = nullptr;     ///< null: never
};

template <class Options>
class SupervisedWith : public SupervisedLoss {
 public:
  using Loss = Terms (*)(const Tokens&, const Options&);
  SupervisedWith(Loss loss, const SupervisedNeeds<Options>& needs,
                 std::shared_ptr<const Options> options)
      : loss_(loss), needs_(needs), options_(std::move(options)) {}
  Terms terms(const Tokens& tokens) const override { return loss_(tokens, *options_); }
  std::optional<double> divergence() const override {
    if (needs_.divergence == nullptr) return {};
    return needs_.divergence(*options_);
  }
  bool needs_mean_logp() const override { return needs_.mean_logp && needs_.mean_logp(*options_); }

 private:
  Loss loss_;
  SupervisedNeeds<Options> needs_;
  std::shared_ptr<const Options> options_;  // shared with the binding that filled it
};

/// A member from its own functions:
/// `extern const Supervised entry = supervised<Options>(loss, describe, {.summary = "…"});`
template <class Options>
Supervised supervised(typename SupervisedWith<Options>::Loss loss,
                      void (*describe)(config::Fields<Options>&),
                      const SupervisedNeeds<Options>& needs) {
  return {.summary = needs.summary,
          .needs_entropy = needs.entropy,
          .options = [] { return std::make_shared<Options>(); },
          .schema = [describe] { return config::schema_of<Options>(describe); },
          .make =
              [loss, needs](const std::shared_ptr<void>& options) {
                return std::make_unique<SupervisedWith<Options>>(
                    loss, needs, std::static_pointer_cast<const Options>(options));
              }};
}

}  // namespace temper::algo
