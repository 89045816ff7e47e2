#include "temper/engine/model/linear.h"

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/kernel/pointwise.h"

namespace temper::model {
namespace {

/// s · x·Aᵀ, [rows, r]
tensor::Floats low_rank(const Linear& layer, const float* x, int64_t ldx, int64_t rows) {
  const int64_t rank = layer.lora_a->rows;
  tensor::Floats xa(rows * rank);
  kernel::multiply(
      {.a = x, .lda = ldx, .m = rows, .b = layer.lora_a->forward, .c = xa.data(), .ldc = rank});
  kernel::scale(layer.lora_scale, rows * rank, xa.data());
  return xa;
}

void add_gradient(WeightStore& store, const Weight& weight, const float* dy, int64_t ldy,
                  const float* x, int64_t ldx, int64_t rows) {
  kernel::weight_gradient({.dy = dy,
                           .ldy = ldy,
                           .x = x,
                           .ldx = ldx,
                           .m = rows,
                           .out = weight.rows,
                           .in = weight.columns,
                           .dw = store.gradient(weight).data()});
}

}  // namespace

void linear(const Linear& layer, bool adapter, const float* x, int64_t ldx, int64_t rows, float* y,
            int64_t ldy) {
  kernel::multiply({.a = x, .lda = ldx, .m = rows, .b = layer.weight->forward, .c = y, .ldc = ldy});
  if (layer.bias != nullptr) {
    kernel::add_bias(layer.bias->values.data(), rows, layer.out(), y, ldy);
  }
  if (layer.lora_a == nullptr || !adapter) return;
  tensor::Floats xa = low_rank(layer, x, ldx, rows);
  kernel::multiply({.a = xa.data(),
                    .lda = layer.lora_a->rows,
                    .m = rows,
                    .b = layer.lora_b->forward,
                    .c = y,
                    .ldc = ldy,
                    .accumulate = true});
}

void linear_backward(const Linear& layer, WeightStore& store, const LinearBackward& io) {
  if (layer.weight->trained()) {
    add_gradient(store, *layer.weight, io.dy, io.ldy, io.x, io.ldx, io.rows);
  }
  if (layer.bias != nullptr && layer.bias->trained()) {
    kernel::bias_gradient(io.dy, io.ldy, io.rows, layer.out(), store.gradient(*layer.bias).data());
  }
  kernel::multiply({.a = io.dy,
                    .lda = io.ldy,
                    .m = io.rows,
                    .b = layer.weight->plain,
                    .c = io.dx,
                    .ldc = io.lddx,
                    .accumulate = io.accumulate});
  if (layer.lora_a == nullptr) return;
  const int64_t rank = layer.lora_a->rows;
  tensor::Floats xa = low_rank(layer, io.x, io.ldx, io.rows);
  add_gradient(store, *layer.lora_b, io.dy, io.ldy, xa.data(), rank, io.rows);
  tensor::Floats d_xa(io.rows * rank);
  kernel::multiply({.a = io.dy,
                    .lda = io.ldy,
                    .m = io.rows,
                    .b = layer.lora_b->plain,
                    .c = d_xa.data(),
                    .ldc = rank});
  kernel::scale(layer.lora_scale, io.rows * rank, d_xa.data());
  add_gradient(store, *layer.lora_a, d_xa.data(), rank, io.x, io.ldx, io.rows);
  kernel::multiply({.a = d_xa.data(),
                    .lda = rank,
                    .m = io.rows,
                    .b = layer.lora_a->plain,
                    .c = io.dx,
                    .ldc = io.lddx,
                    .accumulate = true});
}

}  // namespace temper::model
