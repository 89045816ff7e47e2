#include "temper/learn/algo/surrogate.h"

namespace temper::algo {
namespace {

/// The share of each answer's tokens that are flagged; answers without tokens have none.
Metric of_answers(const char* name, const at::Tensor& flags, const Tokens& t, Fold fold) {
  Metric all = metric(name, answer_mean(flags, t));
  const Metric counted = metric(name, answer_mean(at::ones_like(flags), t));
  Metric kept{name, {}, fold};
  for (size_t i = 0; i < all.values.size(); ++i) {
    if (counted.values[i] > 0) kept.values.push_back(all.values[i]);
  }
  return kept;
}

}  // namespace

at::Tensor of_answer(const at::Tensor& values, const Tokens& t) {
  return at::index_select(values, 0, t.answer);
}

at::Tensor importance(const Tokens& t, Level level) {
  const at::Tensor log_ratio = t.logp - t.old_logp;  // [N]
  switch (level) {
    case Level::Token:
      return ratio(log_ratio);
    case Level::AnswerMean:
      return of_answer(ratio(answer_mean(log_ratio, t)), t);
    case Level::AnswerSum:
      return of_answer(ratio(answer_sum(log_ratio, t)), t);
  }
  return {};
}

at::Tensor clipped(const at::Tensor& rho, const Tokens& t, const Bounds& b) {
  const at::Tensor held = at::clamp(rho, b.low, b.high);               // [N]
  const at::Tensor free = b.most ? at::clamp_max(rho, *b.most) : rho;  // [N]
  return -at::minimum(free * t.advantage, held * t.advantage);
}

Metric share(const char* name, const at::Tensor& flags, const Tokens& t, Level level) {
  const at::Tensor ones = flags.to(at::kDouble);
  return metric(name, level == Level::Token ? ones : answer_mean(ones, t));
}

std::vector<Metric> clip_metrics(const at::Tensor& rho, const Tokens& t, const Bounds& b,
                                 Level level) {
  const at::Tensor free = b.most ? at::clamp_max(rho, *b.most) : rho;  // [N]
  const at::Tensor low = (free < b.low) & (t.advantage < 0);           // [N]
  const at::Tensor high = (free > b.high) & (t.advantage > 0);         // [N]
  return {share("clip_ratio/low_mean", low, t, level),
          share("clip_ratio/high_mean", high, t, level),
          share("clip_ratio/region_mean", low | high, t, level),
          of_answers("clip_ratio/low_min", low.to(at::kDouble), t, Fold::Least),
          of_answers("clip_ratio/high_max", high.to(at::kDouble), t, Fold::Largest)};
}

at::Tensor weighted_score(const Tokens& t, const at::Tensor& weight) {
  return -weight.detach() * at::clamp_min(t.logp, -1e30);  // 0 · -∞ would be NaN
}

Terms plain_gradient(const Tokens& tokens, const std::string& loss_agg_mode) {
  return {.value = weighted_score(tokens, tokens.advantage),
          .per = loss_agg_mode == "token-mean" ? Per::Token : Per::AnswerSum,
          .constant = 1,
          .metrics = {}};
}

}  // namespace temper::algo
