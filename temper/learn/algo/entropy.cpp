#include "temper/learn/algo/entropy.h"

#include <algorithm>
#include <cmath>

#include "temper/learn/algo/leaves.h"

namespace temper::algo {

void describe(config::Fields<EntropyOptions>& f) {
  using O = EntropyOptions;
  f.group("entropy");
  f.add("top_entropy_quantile", &O::top_entropy_quantile,
        "share of a batch's tokens that teach: those of most entropy; 1 = all")
      .within(0, 1);
  f.add("entropy_coef", &O::entropy_coef,
        "what a nat of mean entropy is worth; where it adapts, its first value");
  f.add("use_adaptive_entropy", &O::use_adaptive_entropy,
        "let the coefficient rise and fall around entropy_target");
  f.add("entropy_coef_min", &O::entropy_coef_min, "its lowest adapted value").at_least(0);
  f.add("entropy_coef_max", &O::entropy_coef_max, "its highest").at_least(0);
  f.add("entropy_coef_delta", &O::entropy_coef_delta, "its change a step").at_least(0);
  f.add("entropy_target", &O::entropy_target, "nats a token; above it there is no adapted bonus")
      .at_least(0);
}

double entropy_threshold(std::vector<double> entropies, double share) {
  if (entropies.empty()) return -std::numeric_limits<double>::infinity();
  const double rank = (1 - share) * static_cast<double>(entropies.size() - 1);
  const auto low = entropies.begin() + static_cast<ptrdiff_t>(std::floor(rank));
  std::nth_element(entropies.begin(), low, entropies.end());
  if (low + 1 == entropies.end()) return *low;
  const double above = *std::min_element(low + 1, entropies.end());
  return *low + (rank - std::floor(rank)) * (above - *low);
}

at::Tensor at_least(const at::Tensor& entropy, double threshold) {
  return (entropy.detach().to(at::kDouble) >= threshold).to(entropy.scalar_type());
}

at::Tensor entropy_mean(const Tokens& tokens, const Denominators& whole) {
  at::Tensor entropy = tokens.entropy.to(at::kDouble);  // [N]
  if (tokens.kept.defined()) entropy = entropy * tokens.kept;
  const int64_t count = tokens.kept.defined() ? whole.kept : whole.tokens;
  return at::sum(entropy) / static_cast<double>(std::max<int64_t>(count, 1));
}

double EntropyControl::applied() const {
  return options_.use_adaptive_entropy && last_ > options_.entropy_target ? 0 : coef_;
}

void EntropyControl::saw(double entropy) {
  last_ = entropy;
  if (!options_.use_adaptive_entropy) return;
  coef_ = entropy <= options_.entropy_target
              ? std::min(coef_ + options_.entropy_coef_delta, options_.entropy_coef_max)
              : std::max(coef_ - options_.entropy_coef_delta, options_.entropy_coef_min);
}

}  // namespace temper::algo
