#include "temper/engine/model/weight.h"

#include <algorithm>

#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::model {

Weight& WeightStore::add(const std::string& name, int64_t rows, int64_t columns, bool is_matrix) {
  ASSERT(find(name) == nullptr, "a weight's name comes once");
  Weight& weight = weights_.emplace_back();
  weight.name = name;
  weight.rows = rows;
  weight.columns = columns;
  weight.is_matrix = is_matrix;
  return weight;
}

const Weight* WeightStore::find(std::string_view name) const {
  auto found = std::find_if(weights_.begin(), weights_.end(),
                            [&](const Weight& weight) { return weight.name == name; });
  return found == weights_.end() ? nullptr : &*found;
}

Weight* WeightStore::find(std::string_view name) {
  return const_cast<Weight*>(static_cast<const WeightStore*>(this)->find(name));
}

void WeightStore::train(std::span<Weight* const> weights) {
  ASSERT(masters_.size() == 0, "which weights are trained is decided once");
  int64_t total = 0;
  for (Weight* weight : weights) {
    weight->offset = total;
    total += weight->size();
  }
  masters_.resize(total);
  gradients_.resize(total);
  gradients_.zero();
}

std::span<float> WeightStore::master(const Weight& weight) {
  ASSERT(weight.trained(), "a frozen weight has no master");
  return masters_.span().subspan(static_cast<size_t>(weight.offset),
                                 static_cast<size_t>(weight.size()));
}

std::span<float> WeightStore::gradient(const Weight& weight) {
  ASSERT(weight.trained(), "a frozen weight has no gradient");
  return gradients_.span().subspan(static_cast<size_t>(weight.offset),
                                   static_cast<size_t>(weight.size()));
}

void WeightStore::assign(Weight& weight, std::span<const float> values, kernel::Dtype dtype,
                         bool with_plain) {
  ASSERT(static_cast<int64_t>(values.size()) == weight.size(), "as many values as the weight has");
  if (weight.trained()) std::copy(values.begin(), values.end(), master(weight).begin());
  pack(weight, values.data(), dtype, with_plain);
}

void WeightStore::quantise(Weight& weight, std::span<const float> values,
                           const kernel::QuantiseOptions& options, kernel::Dtype dtype) {
  ASSERT(static_cast<int64_t>(values.size()) == weight.size(), "as many values as the weight has");
  ASSERT(weight.is_matrix && !weight.trained(), "frozen matrices alone are quantised");
  weight.quantised =
      std::make_unique<kernel::Quantised>(values.data(), weight.rows, weight.columns, options);
  weight.forward = {*weight.quantised, kernel::Layout::Transposed, dtype};
  weight.plain = {*weight.quantised, kernel::Layout::Plain, dtype};
}

void WeightStore::refresh(Weight& weight, kernel::Dtype dtype, bool with_plain) {
  pack(weight, master(weight).data(), dtype, with_plain);
}

void WeightStore::pack(Weight& weight, const float* values, kernel::Dtype dtype, bool with_plain) {
  if (!weight.is_matrix) {
    weight.values.resize(weight.size());
    float* out = weight.values.data();
    for (int64_t i = 0; i < weight.size(); ++i) {
      out[i] = dtype == kernel::Dtype::BFloat16 ? kernel::round_bf16(values[i]) : values[i];
    }
    return;
  }
  if (weight.forward.empty()) weight.forward = {weight.columns, weight.rows, dtype};
  weight.forward.pack(values, kernel::Layout::Transposed);
  if (!with_plain) return;
  if (weight.turned && kernel::can_be_turned(dtype)) {
    if (!weight.plain.made()) weight.plain = kernel::Panels::turned(weight.forward);
    return;
  }
  if (weight.plain.empty() || weight.plain.made()) {
    weight.plain = {weight.rows, weight.columns, dtype};
  }
  weight.plain.pack(values, kernel::Layout::Plain);
}

void WeightStore::read(const Weight& weight, std::span<float> out) const {
  ASSERT(static_cast<int64_t>(out.size()) == weight.size(), "room for the whole weight");
  if (!weight.is_matrix) {
    std::copy_n(weight.values.data(), weight.size(), out.begin());
    return;
  }
  tensor::parallel(weight.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      weight.forward.column(row, out.data() + row * weight.columns);
    }
  });
}

}  // namespace temper::model
