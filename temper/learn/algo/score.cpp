// From scores to tensors and back: the one division of the score family.
#include "temper/learn/algo/score.h"

#include "temper/engine/tensor/single_thread.h"
#include "temper/foundation/error/error.h"

namespace temper::algo {

ScoreSlopes slopes(const ScoreLoss& loss, const ScoreNumbers& numbers, int64_t whole) {
  const tensor::SingleThread one_thread;
  if (numbers.values.empty()) return {};
  const auto rows = static_cast<int64_t>(numbers.values.size()) / numbers.labels;
  Scores scores{.value = at::tensor(numbers.values, at::kDouble)
                             .reshape({rows, numbers.labels})
                             .set_requires_grad(true),
                .right = {},
                .margin = {}};
  if (!numbers.right.empty()) scores.right = at::tensor(numbers.right, at::kLong).reshape({-1, 1});
  if (!numbers.margin.empty()) scores.margin = at::tensor(numbers.margin, at::kDouble);
  ScoreTerms terms = loss.terms(scores);
  ASSERT(terms.value.dim() == 1 && terms.value.numel() <= whole, "a part of the batch's terms");
  const at::Tensor total = at::sum(terms.value) / static_cast<double>(whole);
  total.backward();
  return {.loss = total.item<double>(),
          .slopes = metric("", scores.value.grad()).values,
          .metrics = std::move(terms.metrics)};
}

}  // namespace temper::algo
