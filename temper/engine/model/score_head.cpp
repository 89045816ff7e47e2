#include "temper/engine/model/score_head.h"

#include <algorithm>
#include <vector>

#include "temper/engine/tensor/parallel.h"

namespace temper::model {
namespace {

/// The forward copy, [labels, D].
std::vector<float> weights_of(const ScoreHead& head) {
  const int64_t width = head.weight->columns;
  std::vector<float> values(static_cast<size_t>(head.weight->size()));
  for (int64_t label = 0; label < head.labels(); ++label) {
    head.weight->forward.column(label, values.data() + label * width);
  }
  return values;
}

}  // namespace

void score(const ScoreHead& head, const float* hidden, int64_t rows, float* values) {
  const int64_t width = head.weight->columns, labels = head.labels();
  const std::vector<float> weights = weights_of(head);
  tensor::parallel(rows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * labels; i < end * labels; ++i) {
      const float* h = hidden + i / labels * width;
      const float* w = weights.data() + i % labels * width;
      double sum = head.bias == nullptr ? 0 : double{head.bias->values.data()[i % labels]};
      for (int64_t j = 0; j < width; ++j) sum += double{h[j]} * double{w[j]};
      values[i] = static_cast<float>(sum);
    }
  });
}

void score_backward(const ScoreHead& head, WeightStore& store, const ScoreBackward& io) {
  const int64_t width = head.weight->columns, labels = head.labels();
  const std::vector<float> weights = weights_of(head);
  tensor::parallel(io.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* d_hidden = io.d_hidden + row * width;
      std::fill_n(d_hidden, width, 0.0f);
      for (int64_t label = 0; label < labels; ++label) {
        const float slope = io.d_values[row * labels + label];
        const float* w = weights.data() + label * width;
        for (int64_t j = 0; j < width; ++j) d_hidden[j] += slope * w[j];
      }
    }
  });
  for (int64_t i = 0; i < io.rows * labels; ++i) {
    const int64_t label = i % labels;
    if (head.weight->trained()) {
      float* gradient = store.gradient(*head.weight).data() + label * width;
      const float* h = io.hidden + i / labels * width;
      for (int64_t j = 0; j < width; ++j) gradient[j] += io.d_values[i] * h[j];
    }
    if (head.bias != nullptr && head.bias->trained()) {
      store.gradient(*head.bias)[static_cast<size_t>(label)] += io.d_values[i];
    }
  }
}

int64_t scored_token(std::span<const int32_t> tokens, std::optional<int32_t> pad) {
  auto place = static_cast<int64_t>(tokens.size()) - 1;
  while (place > 0 && tokens[static_cast<size_t>(place)] == pad) --place;
  return std::max<int64_t>(place, 0);
}

}  // namespace temper::model
