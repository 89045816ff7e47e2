// The family of algorithms that learn from pairs of answers, one chosen over the other, or from
// answers that are each chosen or rejected: one file a member in preference/. A member sees sums
// over answers, never tokens; what it returns is divided here, over the whole optimizer batch, and
// its slopes in those sums are what the loop back-propagates, the same for every token of an
// answer.
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

/// What one model says about one answer. Sums over its tokens, nats.
struct AnswerSums {
  double logp = 0;    ///< Σ log π
  double shared = 0;  ///< the same over the first min(|y_chosen|, |y_rejected|) tokens (LD-DPO)
  double whole = 0;   ///< prompt and answer, where the member declares it (ORPO)
  double evenness = 0;  ///< mean of log π(y_t) - log Σ_v π(v)², where the member declares it (WPO)
  /// Σ log π · (log π - log π_ref), the second factor without a gradient, where the member declares
  /// it (Nash-MD); nats².
  double drift = 0;
};
/// One pair under the policy, and under the reference where the member declares it. A row of an
/// unpaired member is half a pair.
struct PairSums {
  AnswerSums chosen = {}, rejected = {}, ref_chosen = {}, ref_rejected = {};
  int64_t chosen_tokens = 0, rejected_tokens = 0;  ///< trained ones; 0: no such answer
  int64_t whole_tokens = 0;  ///< of prompt and chosen answer that `whole` sums
  double win = 1;            ///< of the policy's own answer over the other, as Pairs::win
};

/// The columns of one side over P pairs, float64; of an unpaired member's rows over the answers
/// that the side has. Undefined tensors were not asked for.
struct Side {
  at::Tensor logp;        // [P] differentiable
  at::Tensor shared;      // [P] differentiable
  at::Tensor whole;       // [P] differentiable; of the chosen side
  at::Tensor drift;       // [P] differentiable
  at::Tensor evenness;    // [P]
  at::Tensor ref_logp;    // [P]
  at::Tensor ref_shared;  // [P]
  at::Tensor tokens;      // [P]
};
/// Means of log π - log π_ref, nats, which the loop makes of the whole optimizer batch before any
/// term, without gradients; 0 where the member declares none of them.
struct BatchMeans {
  double mismatched = 0;  ///< over answers that stand behind another row's prompt (KTO)
  double running = 0;     ///< over all answers trained on so far, with this batch's (BCO)
};
struct Pairs {
  Side chosen, rejected;
  BatchMeans means = {};
  /// [P] probability that the policy's own answer is preferred to the other, where one of the two
  /// is not its own (Pairing); 1 or 0 where answers are ranked
  at::Tensor win = {};
};

/// A mean that goes on from step to step; a part of the run's state.
struct RunningMean {
  double total = 0;
  int64_t count = 0;
  /// Passes over what is not finite: such a step is skipped.
  void add(double value);
  double mean() const { return count > 0 ? total / static_cast<double>(count) : 0; }
};

/// What terms are divided by: counts over the whole optimizer batch.
struct PairDenominators {
  int64_t pairs = 0;          ///< rows: pairs, or answers without a partner
  int64_t chosen_tokens = 0;  ///< trained tokens of chosen answers
  int64_t whole_tokens = 0;   ///< those of prompts and chosen answers
};

/// Undivided terms. The loss is (Σ pair + Σ desirable + Σ undesirable) / pairs + Σ chosen /
/// chosen_tokens + Σ whole / whole_tokens; undefined columns count as 0.
struct PairTerms {
  at::Tensor pair;              // [P]
  at::Tensor desirable = {};    // one for each answer of the chosen side; unpaired members
  at::Tensor undesirable = {};  // of the rejected side
  at::Tensor chosen;            // [P] each a sum over the chosen answer's tokens
  at::Tensor whole;             // [P] each a sum over the tokens of prompt and chosen answer
  std::vector<Metric> metrics;
};

/// Where a member's pairs come from.
enum class Pairing {
  Rows,             ///< they are read
  TwoOwn,           ///< two answers of the policy, ranked
  OwnAndReference,  ///< one of the policy and one of the reference, ranked
  OwnAndMixture,    ///< one of the policy, chosen whatever it is worth, against the mixture's
  RowAndPast        ///< a row's answer, against one of the policy as it was
};

class PreferenceLoss {
 public:
  virtual ~PreferenceLoss() = default;
  virtual PairTerms terms(const Pairs& pairs) const = 0;
  virtual bool needs_reference() const = 0;
  /// The terms depend on all pairs of the optimizer batch together (AOT sorts them).
  virtual bool needs_whole_batch() const = 0;
  virtual bool needs_evenness() const = 0;
  /// Tokens of the prompt are trained too, in front of the chosen answer.
  virtual bool needs_prompt() const = 0;
  /// Rows are single answers, each chosen or rejected.
  virtual bool unpaired() const = 0;
  virtual bool needs_mismatched() const = 0;  ///< BatchMeans::mismatched
  virtual bool needs_running() const = 0;     ///< BatchMeans::running
  virtual bool needs_drift() const = 0;
  virtual Pairing pairing() const = 0;
  /// OwnAndMixture: the reference's share in the mixture's logits.
  virtual double mixture() const = 0;
  /// What to say before training on so many chosen and rejected answers; empty: nothing.
  virtual std::string advice(int64_t chosen, int64_t rejected) const = 0;
};

/// Loss and slopes of some pairs of an optimizer batch that has these denominators. `slopes` has
/// ∂loss/∂ of each sum in the places of the sums (0 for the reference and for evenness).
struct PairSlopes {
  double loss = 0;
  std::vector<PairSums> slopes;
  std::vector<Metric> metrics;
};
PairSlopes slopes(const PreferenceLoss& loss, std::span<const PairSums> pairs,
                  const PairDenominators& whole, const BatchMeans& means = {});
/// Counts of these pairs alone.
PairDenominators counted(std::span<const PairSums> pairs);

struct Both {
  at::Tensor chosen, rejected;  // [P]
};
/// rewards/{chosen,rejected,accuracies,margins} and logps/{chosen,rejected}, as TRL names them.
std::vector<Metric> pair_metrics(const Both& rewards, const Both& logps);
/// The same without pairs: a side that has no answer is left out, the loop adds rewards/margins.
std::vector<Metric> answer_metrics(const Both& rewards, const Both& logps);

struct Preference {
  std::string_view summary;  ///< one line, with the paper
  double learning_rate;      ///< the default of its trainer
  Pairing pairing;
  std::function<std::shared_ptr<void>()> options;  // shared: the binding and the loss hold it
  std::function<config::Schema()> schema;
  /// Throws Error for options that contradict each other.
  std::function<std::unique_ptr<PreferenceLoss>(const std::shared_ptr<void>& options)> make;
};
struct NamedPreference {
  std::string_view name;
  const Preference* member;
};
std::span<const NamedPreference> preference_catalogue();

/// What a member declares beside its functions; null: never, or nothing to check.
template <class Options>
struct PreferenceNeeds {
  std::string_view summary;
  bool reference = false;
  double learning_rate = 1e-6;
  bool prompt = false;
  bool unpaired = false;
  bool running = false;
  bool drift = false;
  Pairing pairing = Pairing::Rows;
  double (*mixture)(const Options&) = nullptr;
  bool (*mismatched)(const Options&) = nullptr;
  std::string (*advice)(int64_t chosen, int64_t rejected, const Options&) = nullptr;
  bool (*whole_batch)(const Options&) = nullptr;
  bool (*evenness)(const Options&) = nullptr;
  void (*check)(const Options&) = nullptr;
};

template <class Options>
class PreferenceWith : public PreferenceLoss {
 public:
  using Loss = PairTerms (*)(const Pairs&, const Options&);
  PreferenceWith(Loss loss, const PreferenceNeeds<Options>& needs,
                 std::shared_ptr<const Options> options)
      : loss_(loss), needs_(needs), options_(std::move(options)) {
    if (needs_.check) needs_.check(*options_);
  }
  PairTerms terms(const Pairs& pairs) const override { return loss_(pairs, *options_); }
  bool needs_reference() const override { return needs_.reference; }
  bool needs_whole_batch() const override {
    return needs_.running || (needs_.whole_batch && needs_.whole_batch(*options_));
  }
  bool needs_evenness() const override { return needs_.evenness && needs_.evenness(*options_); }
  bool needs_prompt() const override { return needs_.prompt; }
  bool unpaired() const override { return needs_.unpaired; }
  bool needs_mismatched() const override {
    return needs_.mismatched && needs_.mismatched(*options_);
  }
  bool needs_running() const override { return needs_.running; }
  bool needs_drift() const override { return needs_.drift; }
  Pairing pairing() const override { return needs_.pairing; }
  double mixture() const override { return needs_.mixture ? needs_.mixture(*options_) : 0; }
  std::string advice(int64_t chosen, int64_t rejected) const override {
    return needs_.advice ? needs_.advice(chosen, rejected, *options_) : "";
  }

 private:
  Loss loss_;
  PreferenceNeeds<Options> needs_;
  std::shared_ptr<const Options> options_;  // shared with the binding that filled it
};

/// A member from its own functions:
/// `extern const Preference entry = preference<Options>(loss, describe, {.summary = "…"});`
template <class Options>
Preference preference(typename PreferenceWith<Options>::Loss loss,
                      void (*describe)(config::Fields<Options>&),
                      const PreferenceNeeds<Options>& needs) {
  return {.summary = needs.summary,
          .learning_rate = needs.learning_rate,
          .pairing = needs.pairing,
          .options = [] { return std::make_shared<Options>(); },
          .schema = [describe] { return config::schema_of<Options>(describe); },
          .make =
              [=](const std::shared_ptr<void>& options) {
                return std::make_unique<PreferenceWith<Options>>(
                    loss, needs, std::static_pointer_cast<const Options>(options));
              }};
}

}  // namespace temper::algo
