// The division that every algorithm shares. Sums are made in float64, in the order of the tokens,
// with operations whose bits do not depend on threads; so is their backward.
#include "temper/learn/algo/leaves.h"

#include <algorithm>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::algo {
namespace {

double at_least_one(int64_t count) {
  return static_cast<double>(std::max<int64_t>(count, 1));
}

/// Σ value · weight of float64 terms.
at::Tensor sum_per(const at::Tensor& value, Per per, double constant, const Tokens& tokens,
                   const Denominators& whole) {
  switch (per) {
    case Per::Token:
      return at::sum(value) / at_least_one(whole.tokens);
    case Per::AnswerMean:
      return at::sum(answer_mean(value, tokens)) / at_least_one(whole.answers);
    case Per::AnswerSum:
      return at::sum(value) / at_least_one(whole.answers);
    case Per::Constant:
      ASSERT(constant > 0, "the constant is a length");
      return at::sum(value) / (at_least_one(whole.answers) * constant);
  }
  ASSERT(false, "every unit has its case");
  return {};
}

}  // namespace

at::Tensor answer_sum(const at::Tensor& values, const Tokens& tokens) {
  ASSERT(tokens.answer.defined(), "the loop gives every token its answer");
  return at::zeros({tokens.answers}, values.options()).index_add(0, tokens.answer, values);
}

at::Tensor answer_mean(const at::Tensor& values, const Tokens& tokens) {
  const at::Tensor lengths = answer_sum(at::ones_like(values), tokens);  // [answers]
  return answer_sum(values, tokens) / at::clamp_min(lengths, 1);
}

at::Tensor ratio(const at::Tensor& log_ratio) {
  return at::exp(at::clamp(log_ratio, -40, 40));
}

Metric metric(std::string name, const at::Tensor& values) {
  const at::Tensor flat = values.detach().to(at::kDouble).contiguous();
  const double* data = flat.const_data_ptr<double>();
  return {std::move(name), {data, data + flat.numel()}};
}

at::Tensor divided(const Terms& terms, const Tokens& tokens, const Denominators& whole) {
  ASSERT(terms.value.sizes() == tokens.logp.sizes(), "one term a token");
  at::Tensor value = terms.value.to(at::kDouble);  // [N]
  if (tokens.kept.defined()) value = value * tokens.kept;
  if (terms.unmasked.defined()) value = value + terms.unmasked.to(at::kDouble);
  return sum_per(value, terms.per, terms.constant, tokens, whole);
}

at::Tensor critic_divided(const Terms& terms, const Tokens& tokens, const Denominators& whole) {
  if (!terms.critic.defined()) return at::zeros({}, at::kDouble);
  ASSERT(terms.critic.sizes() == tokens.logp.sizes(), "one term a token");
  return sum_per(terms.critic.to(at::kDouble), terms.critic_per, terms.constant, tokens, whole);
}

}  // namespace temper::algo
