// A model's weights by Hugging Face's names. A trained weight has its float32 master and its
// gradient in two flat arenas (same offsets), which the optimizer walks; the forward copy is packed
// panels in the model's dtype, one orientation for the forward pass and, when training, a second
// for the gradient of the input.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/kernel/quantise.h"
#include "temper/engine/tensor/buffer.h"

namespace temper::model {

struct Weight {
  std::string name;
  int64_t rows = 1, columns = 0;  ///< [out, in]; a vector has rows 1
  bool is_matrix = false;
  int64_t offset = -1;     ///< in the arenas; -1 when frozen
  kernel::Panels forward;  ///< matrix: in × out, packed Transposed
  kernel::Panels plain;    ///< matrix: out × in, for the input's gradient; empty unless needed
  bool turned = false;     ///< `plain` reads `forward` where it can, and holds nothing
  tensor::Floats values;   ///< vector: as the forward pass reads it
  /// A quantised matrix: what `forward` and `plain` read. On the heap, for they refer to it.
  std::unique_ptr<kernel::Quantised> quantised = nullptr;

  int64_t size() const { return rows * columns; }
  bool trained() const { return offset >= 0; }
};

/// All weights of a model. References to a Weight stay valid.
class WeightStore {
 public:
  Weight& add(const std::string& name, int64_t rows, int64_t columns, bool is_matrix);
  Weight* find(std::string_view name);
  const Weight* find(std::string_view name) const;
  std::deque<Weight>& all() { return weights_; }
  const std::deque<Weight>& all() const { return weights_; }

  /// Gives these weights places in the arenas, in the order they were added. Call once.
  void train(std::span<Weight* const> weights);
  int64_t trained_size() const { return masters_.size(); }
  std::span<float> masters() { return masters_.span(); }
  std::span<const float> masters() const { return masters_.span(); }
  std::span<float> gradients() { return gradients_.span(); }
  std::span<float> master(const Weight& weight);
  std::span<float> gradient(const Weight& weight);

  /// Takes values [rows · columns] as the weight's new content: master if trained, and forward
  /// copies.
  void assign(Weight& weight, std::span<const float> values, kernel::Dtype dtype, bool with_plain);
  /// The same of a frozen matrix, which is kept quantised alone. Products compute in `dtype`.
  void quantise(Weight& weight, std::span<const float> values,
                const kernel::QuantiseOptions& options, kernel::Dtype dtype);
  /// Makes the forward copies of a trained weight from its master.
  void refresh(Weight& weight, kernel::Dtype dtype, bool with_plain);
  /// The values of the forward copy [rows · columns]: what the model computes with.
  void read(const Weight& weight, std::span<float> out) const;

 private:
  void pack(Weight& weight, const float* values, kernel::Dtype dtype, bool with_plain);

  std::deque<Weight> weights_;
  tensor::Floats masters_, gradients_;
};

}  // namespace temper::model
