// GPG: Chu et al. 2025 (arXiv 2504.02546). The plain policy gradient against the group's mean,
// louder when few answers teach:
//
//   A_i = α (r_i - mean r) / F,   F = 1, or the group's std
//   L_it = -A_i log π
//
// α = B / (B - M), M of the B answers in groups whose rewards are all equal (alpha: signal); verl
// 0.9.1 counts answers of reward 0 as M instead (alpha: nonzero). The loop divides by tokens.
// There is no ratio: one update a batch.
#include "temper/learn/algo/advantage.h"
#include "temper/learn/algo/surrogate.h"
namespace temper::algo::gpg {
struct Options {
  std::string alpha = "signal", f_norm = "one";
};
void describe(config::Fields<Options>& f) {
  f.add("alpha", &Options::alpha, "which answers count as teaching: α = answers / those")
      .choices({"signal", "nonzero", "one"});
  f.add("f_norm", &Options::f_norm, "what divides the centred rewards").choices({"one", "std"});
}

/// B / (B - M) over the scored answers; 1 if none teaches.
double alpha(const GroupRewards& g, const std::vector<double>& centre, const Options& o) {
  const auto samples = static_cast<size_t>(g.samples);
  double answers = 0, taught = 0;
  for (size_t begin = 0; begin < centre.size(); begin += samples) {
    double scored = 0, nonzero = 0;
    bool signal = false;
    for (size_t i = begin; i < begin + samples; ++i) {
      if (!g.scored[i]) continue;
      ++scored;
      nonzero += g.rewards[i] != 0 ? 1 : 0;
      signal = signal || centre[i] != 0;
    }
    answers += scored;
    taught += o.alpha == "nonzero" ? nonzero : signal ? scored : 0;
  }
  return o.alpha == "one" || taught == 0 ? 1 : answers / taught;
}

std::vector<double> advantages(const GroupRewards& g, const Options& o) {
  const std::vector<double> counted = scored_answers(g);
  std::vector<double> all = centred(g, counted);
  const double louder = alpha(g, all, o);
  const auto samples = static_cast<size_t>(g.samples);
  for (size_t begin = 0; begin < all.size(); begin += samples) {
    const double std = spread(std::span(g.rewards).subspan(begin, samples),
                              std::span(counted).subspan(begin, samples))
                           .std;
    for (size_t i = begin; i < begin + samples; ++i)
      all[i] *= o.f_norm == "std" && std > 0 ? louder / std : louder;
  }
  return all;
}

Terms loss(const Tokens& t, const Options&) {
  return {.value = weighted_score(t, t.advantage), .per = Per::Token, .constant = 1, .metrics = {}};
}

extern const Policy entry = policy<Options>(
    loss, advantages, describe,
    {.summary = "the plain policy gradient in groups (arXiv 2504.02546)", .group_at_least = 2});
}  // namespace temper::algo::gpg
