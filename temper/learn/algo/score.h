// The family of algorithms that train a model's score head: one file a member in score/. A member
// sees scores, never tokens; what it returns is divided here, over the whole optimizer batch, and
// its slopes in the scores are what the loop back-propagates.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/leaves.h"

namespace temper::algo {

/// What the head said about one micro-batch, and what it should have said: of pairs of answers, or
/// of the steps of solutions.
struct ScoreNumbers {
  int64_t labels = 1;          ///< scores of one row
  std::vector<double> values;  ///< [N · labels]; pairs: one label, row 2p chosen, 2p + 1 rejected
  std::vector<int64_t> right;  ///< steps: [N] the label of each; empty for pairs
  std::vector<double> margin;  ///< pairs: [N / 2] how far apart each should be
};

/// The same as tensors. Undefined ones were not given.
struct Scores {
  at::Tensor value;   // [N, labels] float64, the differentiable leaf
  at::Tensor right;   // [N, 1] int64
  at::Tensor margin;  // [N / 2] float64
};

/// Undivided terms, one a pair or a step; the loss is their mean over the optimizer batch.
struct ScoreTerms {
  at::Tensor value;  // [terms] float64
  std::vector<Metric> metrics;
};

class ScoreLoss {
 public:
  virtual ~ScoreLoss() = default;
  virtual ScoreTerms terms(const Scores& scores) const = 0;
};

/// Loss and slopes of some scores of an optimizer batch that has `whole` terms.
struct ScoreSlopes {
  double loss = 0;
  std::vector<double> slopes;  ///< ∂loss/∂ of each value, [N · labels]
  std::vector<Metric> metrics;
};
ScoreSlopes slopes(const ScoreLoss& loss, const ScoreNumbers& numbers, int64_t whole);

struct Score {
  std::string_view summary;                        ///< one line, with the paper
  std::function<std::shared_ptr<void>()> options;  // shared: the binding and the loss hold it
  std::function<config::Schema()> schema;
  std::function<std::unique_ptr<ScoreLoss>(const std::shared_ptr<void>& options)> make;
};
struct NamedScore {
  std::string_view name;
  const Score* member;
};
std::span<const NamedScore> score_catalogue();

template <class Options>
class ScoreWith : public ScoreLoss {
 public:
  using Loss = ScoreTerms (*)(const Scores&, const Options&);
  ScoreWith(Loss loss, std::shared_ptr<const Options> options)
      : loss_(loss), options_(std::move(options)) {}
  ScoreTerms terms(const Scores& scores) const override { return loss_(scores, *options_); }

 private:
  Loss loss_;
  std::shared_ptr<const Options> options_;  // shared with the binding that filled it
};

/// A member from its own functions:
/// `extern const Score entry = score<Options>(loss, describe, "what it does, and the paper");`
template <class Options>
Score score(typename ScoreWith<Options>::Loss loss, void (*describe)(config::Fields<Options>&),
            std::string_view summary) {
  return {.summary = summary,
          .options = [] { return std::make_shared<Options>(); },
          .schema = [describe] { return config::schema_of<Options>(describe); },
          .make =
              [loss](const std::shared_ptr<void>& options) {
                return std::make_unique<ScoreWith<Options>>(
                    loss, std::static_pointer_cast<const Options>(options));
              }};
}

}  // namespace temper::algo
