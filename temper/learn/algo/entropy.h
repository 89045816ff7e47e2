// Entropy in policy training, the same for every member: only the tokens of most entropy teach
// (Wang et al. 2025, arXiv 2506.01939), and a bonus keeps the policy from growing certain, with a
// fixed or an adaptive coefficient (Skywork-OR1, arXiv 2505.22312). As in TRL 1.16,
//
//   L = L_policy - c · H,   H = mean entropy of the tokens that teach, nats
//
// over the whole optimizer batch.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/learn/algo/terms.h"

namespace temper::algo {

struct Tokens;

struct EntropyOptions {
  double top_entropy_quantile = 1;
  double entropy_coef = 0;
  bool use_adaptive_entropy = false;
  double entropy_coef_min = 0, entropy_coef_max = 1, entropy_coef_delta = 0.005;
  double entropy_target = 0.2;

  bool has_bonus() const { return entropy_coef != 0 || use_adaptive_entropy; }
};
void describe(config::Fields<EntropyOptions>& f);

/// The least entropy of a token that teaches: the (1 - share) quantile of a batch's entropies,
/// linear between two of them, as torch.quantile. Throws nothing; no entropies give -infinity.
double entropy_threshold(std::vector<double> entropies, double share);

/// [N] 1 where the entropy is at least the threshold, else 0.
at::Tensor at_least(const at::Tensor& entropy, double threshold);

/// H's share of one micro-batch: Σ entropy of the tokens that teach / all of the optimizer batch.
/// A float64 scalar that can be differentiated.
at::Tensor entropy_mean(const Tokens& tokens, const Denominators& whole);

/// The coefficient from step to step. Adaptive: up by delta after a batch whose H is at most the
/// target, else down, within its bounds; and 0 in a step that follows one above the target.
class EntropyControl {
 public:
  explicit EntropyControl(const EntropyOptions& options)
      : options_(options), coef_(options.entropy_coef) {}
  /// What it says now; the next step's to be logged.
  double coef() const { return coef_; }
  /// c of the step to come.
  double applied() const;
  /// After a step with this H.
  void saw(double entropy);

  double last() const { return last_; }
  /// Where a run that goes on had left it.
  void restore(double coef, double last) {
    coef_ = coef;
    last_ = last;
  }

 private:
  EntropyOptions options_;
  double coef_;
  double last_ = std::numeric_limits<double>::max();  // H of the step before; not yet: no bonus
};

}  // namespace temper::algo
