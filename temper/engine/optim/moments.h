// AdamW's two moments of a model's trained weights, as float32 or as a byte each
// (kernel/adamw_8bit.h). As bitsandbytes has it, weights of fewer than 4,096 numbers keep float32:
// they cost nothing, and norms and biases need it most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/kernel/adamw.h"
#include "temper/engine/model/weight.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/foundation/file/format.h"

namespace temper::optim {

enum class MomentKind : uint8_t { Float32, Byte };

class Moments {
 public:
  Moments(const model::WeightStore& store, MomentKind kind);

  /// One step of one trained weight: its gradient and its master.
  void step(const kernel::AdamW& options, const model::Weight& weight, const float* gradient,
            float* master);

  /// What a checkpoint keeps, by name; the views stay valid and may be written to.
  struct Tensor {
    std::string name;
    file::Format format;
    int64_t count;
    std::span<std::byte> bytes;
  };
  std::vector<Tensor> tensors();

 private:
  struct Place {
    bool packed = false;
    int64_t numbers = 0, scales = 0;  ///< where its first code or float, and its first scale, stand
  };
  MomentKind kind_;
  std::map<const model::Weight*, Place> places_;
  tensor::Floats m_, v_, m_scales_, v_scales_;
  tensor::Buffer m_codes_, v_codes_;
};

}  // namespace temper::optim
