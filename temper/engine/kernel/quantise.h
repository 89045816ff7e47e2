// Frozen weights in 8 or 4 bits, as bitsandbytes stores them, read by products panel by panel
// (gemm.h). W is [rows, columns]; its numbers count row by row.
//
//   Int8  w = q·a·(1/127)   q = round(127·w/a), a = max|w| of the row
//                           (LLM.int8: Dettmers et al. 2022, arXiv 2208.07339; weights alone)
//   Nf4   w = t[q]·a        t[q] the nearest to w/a of 16 numbers, a = max|w| of 64 numbers
//                           (QLoRA: Dettmers et al. 2023, arXiv 2305.14314, appendix E)
//   double quantisation     a = d[p]·b + mean(a): 8 bits a scale, b = max|a - mean| of 256
//                           (QLoRA §3; d: dynamic map, Dettmers 2016, arXiv 1511.04561)
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "temper/engine/tensor/buffer.h"

namespace temper::kernel {

struct QuantiseOptions {
  enum class Kind : uint8_t { None, Int8, Nf4 };
  Kind kind = Kind::None;
  bool nested = false;  ///< double quantisation, of Nf4
};

/// Bytes a weight takes, with its share of the scales; 0 for None. `columns` of its matrix.
double bytes_a_weight(const QuantiseOptions& options, int64_t columns);

class Quantised {
 public:
  static constexpr int64_t kPanel = 16;  ///< rows whose codes lie together

  Quantised(const float* values, int64_t rows, int64_t columns, const QuantiseOptions& options);

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t bytes() const;

  /// w[row, 0 …] as float32: `columns` numbers.
  void row(int64_t row, float* out) const;

  /// out[i · ld + j] = w[16 · panel + j, first + i] for `count` i and 16 j; rows beyond the last
  /// are zeros. `bf16`: each rounded to the nearest bf16.
  struct Part {
    int64_t panel, first, count;
    bool bf16;
    float* out;
    int64_t ld;
  };
  void dequantise(const Part& part) const;

 private:
  float scale(int64_t block) const;
  int code(int64_t row, int64_t column) const;
  void quantise_int8(const float* values);
  void quantise_nf4(const float* values);
  void put(int64_t row, int64_t column, int code);
  void nest();

  QuantiseOptions::Kind kind_;
  int64_t rows_, columns_, block_;  // block_: numbers that share a scale
  tensor::Buffer codes_;         // [rows/16][columns][16] int8, or 4 bits: row j and j + 8 a byte
  tensor::Floats scales_;        // [blocks]; empty when nested
  tensor::Buffer small_scales_;  // nested: [blocks] codes of the dynamic map
  tensor::Floats scale_ranges_;  // nested: [blocks / 256]
  float scale_mean_ = 0;         // nested
};

}  // namespace temper::kernel
