#include "temper/engine/model/merge.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "temper/engine/tensor/parallel.h"

namespace temper::model {

void read_merged(const Model& model, const std::string& name, std::span<float> out) {
  model.read(name, out);
  const Linear* layer = model.find_linear(name);
  if (layer == nullptr || layer->lora_a == nullptr) return;
  const int64_t rank = layer->lora_a->rows, in = layer->in();
  std::vector<float> a(static_cast<size_t>(layer->lora_a->size()));
  std::vector<float> b(static_cast<size_t>(layer->lora_b->size()));
  model.store().read(*layer->lora_a, a);
  model.store().read(*layer->lora_b, b);
  tensor::parallel(layer->out(), [&](int64_t begin, int64_t end) {
    std::vector<float> delta(static_cast<size_t>(in));
    for (int64_t row = begin; row < end; ++row) {
      std::fill(delta.begin(), delta.end(), 0.0f);
      for (int64_t r = 0; r < rank; ++r) {
        const float factor = b[static_cast<size_t>(row * rank + r)];
        const float* from = a.data() + r * in;
        for (int64_t i = 0; i < in; ++i) delta[static_cast<size_t>(i)] += factor * from[i];
      }
      float* values = out.data() + row * in;
      double squares = 0;
      for (int64_t i = 0; i < in; ++i) {
        values[i] += layer->lora_scale * delta[static_cast<size_t>(i)];
        squares += double{values[i]} * double{values[i]};
      }
      if (layer->magnitude == nullptr) continue;
      const double gain = double{layer->magnitude->values.data()[row]} / std::sqrt(squares);
      for (int64_t i = 0; i < in; ++i) values[i] = static_cast<float>(gain * double{values[i]});
    }
  });
}

}  // namespace temper::model
