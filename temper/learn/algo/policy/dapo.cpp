// DAPO: Yu et al. 2025 (arXiv 2503.14476). GRPO with four changes:
//
//   clip-higher         ρ may rise to 1.28 and fall to 0.8
//   dynamic sampling    groups whose answers all earn the same are replaced (filter_groups)
//   token-level loss    Σ_it ℓ_it / tokens
//   overlong shaping    r += 0 up to L - C tokens, down to -1 at L (overlong_buffer_len C)
//
// The member's options are those of grpo, with epsilon_high 0.28; the two changes to sampling and
// rewards are the run's, on unless it says otherwise. The paper's L is 20480 and its C 4096; here C
// is 64 tokens beside the default max_completion_length of 256.
#include "temper/learn/algo/policy/grpo.h"
namespace temper::algo::dapo {

Policy preset() {
  grpo::Options options;
  options.epsilon_high = 0.28;
  Policy made = grpo::preset(
      "GRPO with clip-higher, dynamic sampling, overlong shaping (arXiv 2503.14476)", options);
  made.filter_groups = true;
  made.overlong_buffer_len = 64;
  return made;
}

extern const Policy entry = preset();
}  // namespace temper::algo::dapo
