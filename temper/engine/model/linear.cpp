#include "temper/engine/model/linear.h"

#include <algorithm>
#include <cmath>

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/kernel/pointwise.h"
#include "temper/engine/tensor/parallel.h"

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

/// x·Wᵀ, and with the adapter + s·(x·Aᵀ)·Bᵀ: [rows, out]
void product(const Linear& layer, bool adapter, const float* x, int64_t ldx, int64_t rows, float* y,
             int64_t ldy) {
  kernel::multiply({.a = x, .lda = ldx, .m = rows, .b = layer.weight->forward, .c = y, .ldc = ldy});
  if (!adapter) return;
  tensor::Floats xa = low_rank(layer, x, ldx, rows);
  kernel::multiply({.a = xa.data(),
                    .lda = layer.lora_a->rows,
                    .m = rows,
                    .b = layer.lora_b->forward,
                    .c = y,
                    .ldc = ldy,
                    .accumulate = true});
}

/// The gradient of m, Σ dy·z/‖W + s·B·A‖ over the rows with z = product(); and dy ∘ c, the
/// gradient of z: the norm is a constant to both (Liu et al. 2024, §4.3).
tensor::Floats magnitude_backward(const Linear& layer, WeightStore& store,
                                  const LinearBackward& io) {
  const int64_t out = layer.out();
  tensor::Floats z(io.rows * out), sums(out);
  product(layer, true, io.x, io.ldx, io.rows, z.data(), out);
  sums.zero();
  kernel::column_products({.x = io.dy, .ldx = io.ldy, .y = z.data(), .ldy = out}, io.rows, out,
                          sums.data());
  float* gradient = store.gradient(*layer.magnitude).data();
  for (int64_t o = 0; o < out; ++o) gradient[o] += sums.data()[o] * layer.inverse_norm.data()[o];
  kernel::scale_columns(layer.gain.data(), {.x = io.dy, .ldx = io.ldy, .y = z.data(), .ldy = out},
                        io.rows, out);
  return z;
}

}  // namespace

void linear(const Linear& layer, bool adapter, const float* x, int64_t ldx, int64_t rows, float* y,
            int64_t ldy) {
  adapter = adapter && layer.lora_a != nullptr;
  product(layer, adapter, x, ldx, rows, y, ldy);
  if (adapter && layer.magnitude != nullptr) {
    kernel::scale_columns(layer.gain.data(), {.x = y, .ldx = ldy, .y = y, .ldy = ldy}, rows,
                          layer.out());
  }
  if (layer.bias != nullptr) {
    kernel::add_bias(layer.bias->values.data(), rows, layer.out(), y, ldy);
  }
}

void linear_backward(const Linear& layer, WeightStore& store, const LinearBackward& io) {
  if (layer.weight->trained()) {
    add_gradient(store, *layer.weight, io.dy, io.ldy, io.x, io.ldx, io.rows);
  }
  if (layer.bias != nullptr && layer.bias->trained()) {
    kernel::bias_gradient(io.dy, io.ldy, io.rows, layer.out(), store.gradient(*layer.bias).data());
  }
  const float* dz = io.dy;
  int64_t ldz = io.ldy;
  tensor::Floats scaled;
  if (layer.magnitude != nullptr) {
    scaled = magnitude_backward(layer, store, io);
    dz = scaled.data();
    ldz = layer.out();
  }
  kernel::multiply({.a = dz,
                    .lda = ldz,
                    .m = io.rows,
                    .b = layer.weight->plain,
                    .c = io.dx,
                    .ldc = io.lddx,
                    .accumulate = io.accumulate});
  if (layer.lora_a == nullptr) return;
  const int64_t rank = layer.lora_a->rows;
  tensor::Floats xa = low_rank(layer, io.x, io.ldx, io.rows);
  add_gradient(store, *layer.lora_b, dz, ldz, xa.data(), rank, io.rows);
  tensor::Floats d_xa(io.rows * rank);
  kernel::multiply(
      {.a = dz, .lda = ldz, .m = io.rows, .b = layer.lora_b->plain, .c = d_xa.data(), .ldc = rank});
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

std::vector<float> start_magnitude(Linear& layer) {
  const int64_t in = layer.in();
  layer.base_squares.resize(static_cast<size_t>(layer.out()));
  std::vector<float> magnitude(layer.base_squares.size());
  tensor::parallel(layer.out(), [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(in));
    for (auto o = static_cast<size_t>(begin); o < static_cast<size_t>(end); ++o) {
      layer.weight->forward.column(static_cast<int64_t>(o), row.data());
      double sum = 0;
      for (float w : row) sum += double{w} * double{w};
      layer.base_squares[o] = sum;
      magnitude[o] = static_cast<float>(std::sqrt(sum));
    }
  });
  return magnitude;
}

// ‖W_o + s·B_o·A‖² = ‖W_o‖² + 2s·B_o·(A·W_oᵀ) + s²·B_o·(A·Aᵀ)·B_oᵀ: two small products instead of
// all of W + s·B·A.
void refresh_gain(Linear& layer) {
  if (layer.magnitude == nullptr) return;
  const int64_t rank = layer.lora_a->rows, in = layer.in(), out = layer.out();
  std::vector<float> a(static_cast<size_t>(rank * in)), b(static_cast<size_t>(out * rank));
  for (int64_t r = 0; r < rank; ++r) layer.lora_a->forward.column(r, a.data() + r * in);
  for (int64_t o = 0; o < out; ++o) layer.lora_b->forward.column(o, b.data() + o * rank);
  tensor::Floats aw(rank * out);  // [r, out] A·Wᵀ
  kernel::multiply({.a = a.data(),
                    .lda = in,
                    .m = rank,
                    .b = layer.weight->forward,
                    .c = aw.data(),
                    .ldc = out});
  std::vector<double> aa(static_cast<size_t>(rank * rank));  // [r, r] A·Aᵀ
  for (int64_t r = 0; r < rank; ++r) {
    for (int64_t q = 0; q < rank; ++q) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        sum +=
            double{a[static_cast<size_t>(r * in + i)]} * double{a[static_cast<size_t>(q * in + i)]};
      }
      aa[static_cast<size_t>(r * rank + q)] = sum;
    }
  }
  const double s = double{layer.lora_scale};
  layer.gain.resize(out);
  layer.inverse_norm.resize(out);
  tensor::parallel(out, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      double squares = layer.base_squares[static_cast<size_t>(o)];
      for (int64_t r = 0; r < rank; ++r) {
        double inner = 2 * double{aw.data()[r * out + o]};
        for (int64_t q = 0; q < rank; ++q) {
          inner += s * aa[static_cast<size_t>(r * rank + q)] *
                   double{b[static_cast<size_t>(o * rank + q)]};
        }
        squares += s * double{b[static_cast<size_t>(o * rank + r)]} * inner;
      }
      const float norm = static_cast<float>(std::sqrt(std::max(squares, 1e-30)));
      layer.inverse_norm.data()[o] = 1 / norm;
      layer.gain.data()[o] = layer.magnitude->values.data()[o] / norm;
    }
  });
}

}  // namespace temper::model
