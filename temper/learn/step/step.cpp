#include "temper/learn/step/step.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "temper/engine/tensor/single_thread.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/algo/entropy.h"
#include "temper/learn/algo/kl.h"
#include "temper/learn/algo/leaves.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/step/head_pass.h"
#include "temper/learn/step/score_pass.h"

namespace temper::step {
namespace {

/// The tokens' values out of per-answer lists.
at::Tensor by_token(const batch::Packed& packed, const ByAnswer& lists) {
  if (lists.empty()) return {};
  std::vector<float> values(packed.targets.size());
  for (size_t n = 0; n < values.size(); ++n) {
    const int64_t id = packed.answers[static_cast<size_t>(packed.answer[n])];
    values[n] = lists.at(static_cast<size_t>(id)).at(static_cast<size_t>(packed.place[n]));
  }
  return leaf(values);
}

bool has_signal(const at::Tensor& gradient) {
  if (!gradient.defined()) return false;
  const float* begin = gradient.data_ptr<float>();
  return std::any_of(begin, begin + gradient.numel(), [](float g) { return g != 0; });
}

float* data(const at::Tensor& gradient) {
  return gradient.defined() ? gradient.data_ptr<float>() : nullptr;
}

struct Teaching {
  double least;    // entropy of a token that teaches
  int64_t tokens;  // that have it
};
/// Reads the whole batch once more.
Teaching teaching(model::Model& model, std::span<const batch::Packed> batches, double share,
                  double temperature) {
  std::vector<double> entropies;
  for (const batch::Packed& packed : batches) {
    const HeadNumbers numbers = score(model, packed, temperature);
    entropies.insert(entropies.end(), numbers.entropy.begin(), numbers.entropy.end());
  }
  const double least = algo::entropy_threshold(entropies, share);
  return {least, std::count_if(entropies.begin(), entropies.end(),
                               [&](double entropy) { return entropy >= least; })};
}

algo::Tokens policy_tokens(const HeadPass& pass, const PolicyInputs& inputs) {
  const batch::Packed& packed = pass.packed;
  return {.logp = leaf(pass.numbers.logp).set_requires_grad(true),
          .entropy = leaf(pass.numbers.entropy),
          .old_logp = by_token(packed, inputs.old_logp),
          .behaviour_logp = by_token(packed, inputs.behaviour_logp),
          .ref_logp = by_token(packed, inputs.ref_logp),
          .advantage = by_token(packed, inputs.advantage),
          .value = {},
          .old_value = by_token(packed, inputs.old_value),
          .value_target = by_token(packed, inputs.value_target),
          .divergence = {},
          .kept = {},
          .answer = answers_of(packed),
          .answers = static_cast<int64_t>(packed.answers.size()),
          .max_completion_length = inputs.max_completion_length};
}

/// Adds how far the trainer's log-probs are from those sampled.
void compare_sampled(const algo::Tokens& tokens, BatchResult& result) {
  if (!tokens.behaviour_logp.defined()) return;
  const float* sampled = tokens.behaviour_logp.data_ptr<float>();
  const float* own = tokens.logp.data_ptr<float>();
  for (int64_t n = 0; n < tokens.logp.numel(); ++n) {
    const double gap = std::abs(double{sampled[n]} - double{own[n]});
    // NaN counts as the largest: a mismatch is never hidden
    if (!(gap <= result.largest_mismatch)) result.largest_mismatch = gap;
    result.mean_mismatch += gap;
  }
  result.compared += tokens.logp.numel();
}

}  // namespace

void read_values(model::Model& model, std::span<const batch::Packed> batches, ByAnswer& all) {
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    ScorePass pass{.model = model, .packed = packed};
    pass.infer();
    for (size_t n = 0; n < pass.values.size(); ++n) {
      const int64_t id = packed.answers[static_cast<size_t>(packed.answer[n])];
      all[static_cast<size_t>(id)][static_cast<size_t>(packed.place[n])] = pass.values[n];
    }
  }
}

algo::Denominators denominators(std::span<const batch::Packed> batches) {
  algo::Denominators whole;
  std::set<int64_t> answers;
  for (const batch::Packed& packed : batches) {
    whole.tokens += packed.size();
    answers.insert(packed.answers.begin(), packed.answers.end());
  }
  whole.answers = static_cast<int64_t>(answers.size());
  return whole;
}

double mean_kl(std::span<const batch::Packed> batches, const PolicyInputs& inputs) {
  FoldedMetrics metrics;
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    metrics.add({algo::metric("kl", algo::kl::k3(by_token(packed, inputs.behaviour_logp),
                                                 by_token(packed, inputs.ref_logp)))});
  }
  return metrics.values()["kl"];
}

HeadNumbers score(model::Model& model, const batch::Packed& packed, double temperature) {
  if (packed.size() == 0) return {};
  HeadPass pass(model, packed, temperature);
  pass.infer();
  return std::move(pass.numbers);
}

BatchResult Stepper::supervised(std::span<const batch::Packed> batches,
                                const algo::SupervisedLoss& loss) {
  const tensor::SingleThread one;
  const bool smooth = loss.needs_mean_logp();
  const algo::Denominators whole = denominators(batches);
  BatchResult result;
  FoldedMetrics metrics;
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    HeadPass pass(model_, packed, 1);
    if (smooth) pass.numbers.mean_logp.resize(packed.targets.size());
    pass.forward(activations_);
    algo::Tokens tokens;
    if (smooth) tokens.mean_logp = leaf(pass.numbers.mean_logp).set_requires_grad(true);
    tokens.logp = leaf(pass.numbers.logp).set_requires_grad(true);
    tokens.entropy = leaf(pass.numbers.entropy);
    tokens.answer = answers_of(packed);
    tokens.answers = static_cast<int64_t>(packed.answers.size());
    const algo::Terms terms = loss.terms(tokens);
    const at::Tensor value = algo::divided(terms, tokens, whole);
    value.backward();
    result.loss += value.item<double>();
    metrics.add(terms.metrics);
    count(pass, result);
    pass.backward(activations_, {.logp = data(tokens.logp.grad()),
                                 .mean_logp = smooth ? data(tokens.mean_logp.grad()) : nullptr});
  }
  result.metrics = metrics.values();
  finish(result);
  return result;
}

BatchResult Stepper::policy(std::span<const batch::Packed> batches, const algo::PolicyLoss& loss,
                            const PolicyInputs& inputs, double temperature, bool compare) {
  const tensor::SingleThread one;
  algo::Denominators whole = denominators(batches);
  const bool masked = inputs.top_entropy_quantile < 1;
  const bool bonus = inputs.entropy_coef != 0;
  const Teaching kept = masked ? teaching(model_, batches, inputs.top_entropy_quantile, temperature)
                               : Teaching{0, whole.tokens};
  whole.kept = kept.tokens;
  BatchResult result;
  FoldedMetrics metrics;
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    HeadPass pass(model_, packed, temperature);
    pass.forward(activations_);
    algo::Tokens tokens = policy_tokens(pass, inputs);
    tokens.entropy.set_requires_grad(bonus || loss.needs_entropy());
    std::optional<ScorePass> critic;
    if (critic_ != nullptr) {
      critic.emplace(ScorePass{.model = *critic_, .packed = packed});
      critic->forward(critic_activations_);
      tokens.value = leaf(critic->values).set_requires_grad(true);
    }
    if (compare) compare_sampled(tokens, result);
    if (masked) tokens.kept = algo::at_least(tokens.entropy, kept.least);
    const algo::Terms terms = loss.terms(tokens);
    at::Tensor value = algo::divided(terms, tokens, whole);
    result.policy_loss += value.item<double>();
    const at::Tensor entropy = algo::entropy_mean(tokens, whole);
    result.kept_entropy += entropy.item<double>();
    if (bonus) value = value - inputs.entropy_coef * entropy;
    result.loss += value.item<double>();
    const at::Tensor critic_value = algo::critic_divided(terms, tokens, whole);
    result.critic_loss += critic_value.item<double>();
    (inputs.critic_alone ? critic_value : value + critic_value).backward();
    metrics.add(terms.metrics);
    count(pass, result);
    // Groups whose answers all earned the same teach nothing: the loop packs them together.
    if (has_signal(tokens.logp.grad()) || has_signal(tokens.entropy.grad()))
      pass.backward(activations_,
                    {.logp = data(tokens.logp.grad()), .entropy = data(tokens.entropy.grad())});
    if (critic && has_signal(tokens.value.grad())) {
      critic->backward(critic_activations_, {data(tokens.value.grad()), critic->values.size()});
    }
  }
  result.metrics = metrics.values();
  finish(result);
  return result;
}

BatchResult Stepper::evaluate(std::span<const batch::Packed> batches) {
  BatchResult result;
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    HeadPass pass(model_, packed, 1);
    pass.infer();
    for (float logp : pass.numbers.logp) result.loss -= logp;
    count(pass, result);
  }
  result.loss /= std::max<double>(1, static_cast<double>(result.trained_tokens));
  finish(result);
  return result;
}

}  // namespace temper::step
