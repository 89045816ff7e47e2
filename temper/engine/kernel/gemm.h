// Matrix products on packed panels, the one place where the floating-point work of a model is done.
//
//   C[M, N] (+)= A[M, K] · B[K, N]
//
// Every C[i, j] is one chain c = fma(A[i, k], B[k, j], c), k = 0 … K-1, whatever M, the blocking
// and the number of threads are: a row has the same bits alone and in a batch of 1,000. Panels hold
// B in bf16 or float32; bf16 is widened exactly. On the bf16 instruction sets (see isa.h) A is
// rounded to bf16 first and the chain is that of at::native::cpublas::brgemm, again one per output
// over the whole of K.
#pragma once

#include <cstdint>

#include "temper/engine/tensor/buffer.h"

namespace temper::kernel {

enum class Dtype : uint8_t { Float32, BFloat16 };

/// How B is laid out in memory when it is packed.
enum class Layout : uint8_t {
  Transposed,  ///< row-major [N, K]: a weight [out, in] for y = x·Wᵀ
  Plain  ///< row-major [K, N]: the same weight [out, in] for dx = dy·W, with K = out and N = in
};

class Quantised;  // quantise.h

/// B, packed once and read many times.
class Panels {
 public:
  Panels() = default;
  Panels(int64_t k, int64_t n, Dtype dtype);
  /// Panels that hold nothing: a product makes them from `source`, which must outlive them, as it
  /// reads them. Its bits are those of panels packed from the dequantised values. Not for heads.
  Panels(const Quantised& source, Layout layout, Dtype dtype);
  /// The same of a weight that is packed Transposed on the fma class: it is read the other way
  /// round, as if packed Plain. `forward` must outlive them.
  static Panels turned(const Panels& forward);
  const Quantised* source() const { return source_; }
  const Panels* forward() const { return forward_; }
  /// Whether products make the panels as they read them.
  bool made() const { return source_ != nullptr || forward_ != nullptr; }
  Layout layout() const { return layout_; }

  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  Dtype dtype() const { return dtype_; }
  int64_t bytes() const { return data_.bytes(); }
  bool empty() const { return n_ == 0; }

  /// Packs all of B from float32 values (rounded to nearest even for bf16). Parallel.
  void pack(const float* values, Layout layout);
  /// Reads column j of B, that is row j of a weight packed Transposed: K floats into `out`. For
  /// embeddings.
  void column(int64_t j, float* out) const;

  /// What pack() wrote: panels of 16 columns [N/16][K][16] for the fma class, or the panels of
  /// at::native::cpublas::brgemm, [N/32][K/2][32][2], when the instruction set of that moment had
  /// bf16 products. Missing columns and steps are 0.
  enum class Packing : uint8_t { Fma, Pairs };
  Packing packing() const { return packing_; }

  const std::byte* data() const { return data_.data(); }
  std::byte* data() { return data_.data(); }

 private:
  int64_t k_ = 0, n_ = 0;
  Dtype dtype_ = Dtype::Float32;
  Packing packing_ = Packing::Fma;
  Layout layout_ = Layout::Transposed;
  const Quantised* source_ = nullptr;
  const Panels* forward_ = nullptr;
  tensor::Buffer data_;
};

/// Whether panels of this type are packed for the fma class now: such a weight is kept once, and
/// read the other way round in the backward pass.
bool can_be_turned(Dtype dtype);

struct Product {
  const float* a;  // [M, K], row stride lda
  int64_t lda;
  int64_t m;
  const Panels& b;  // [K, N]
  float* c;         // [M, N], row stride ldc
  int64_t ldc;
  bool accumulate = false;  // C += instead of C =; the chain then starts from C's value
  int64_t first = 0;   // columns [first, first + count) of B alone, written to C's columns from 0;
  int64_t count = -1;  // -1: all. `first` is a multiple of 32
};
/// Parallel over blocks of columns and rows.
void multiply(const Product& product);

struct WeightGradient {
  const float* dy;  // [M, out], row stride ldy
  int64_t ldy;
  const float* x;  // [M, in], row stride ldx
  int64_t ldx;
  int64_t m, out, in;
  float* dw;  // [out, in] row-major, added to
};
/// dw += dyᵀ · x. One chain per output over the rows in their order, starting from dw: the result
/// is the same bits however the rows are cut into calls (on the fma class; within rounding on the
/// others).
void weight_gradient(const WeightGradient& gradient);

/// float32 value rounded to the nearest bf16 and back.
float round_bf16(float value);

}  // namespace temper::kernel
