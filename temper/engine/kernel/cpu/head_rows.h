// The backward pass of a head, whatever its loss: logits of a group of vocabulary chunks are
// computed again, turned into their gradient in place, and meet the head's weight. Rows are visited
// in the same order whatever the threads; d_weight's chain runs over the rows in their order.
#pragma once

#include <algorithm>
#include <cstdint>

#include "temper/engine/kernel/cpu/product.h"

namespace temper::kernel::cpu {

inline constexpr int64_t kChunk = 1024;    // columns of a piece
inline constexpr int64_t kPieceRows = 64;  // rows of a piece

struct HeadRows {
  const float* hidden;  // [rows, width]
  int64_t rows;
  const Panels& weight;        // Transposed
  const Panels& weight_plain;  // Plain
  float* d_hidden;             // [rows, width], overwritten
  float* d_weight;             // [vocabulary, width], added to; or null
};

/// Logits of rows row … row + rows and columns first … first + n, to become their gradient.
struct HeadPiece {
  int64_t row, rows, first, n;
  float* z;
  int64_t ldz;
};

/// `turn(piece)` is called from several threads, once for each piece.
template <class Turn>
void backward_through_head(const HeadRows& in, Turn&& turn) {
  constexpr int64_t kGroup = 4;       // chunks whose gradient is held at once
  constexpr int64_t kBackRows = 256;  // rows of it: 4 MB with kGroup chunks
  constexpr int64_t kColumns = kGroup * kChunk;
  const int64_t vocabulary = in.weight.n(), width = in.weight.k();
  thread_local tensor::Floats gradient;
  gradient.resize(std::min(kBackRows, in.rows) * kColumns);
  float* dz = gradient.data();
  for (int64_t row = 0; row < in.rows; row += kBackRows) {
    const int64_t rows = std::min(kBackRows, in.rows - row);
    const int64_t blocks = (rows + kPieceRows - 1) / kPieceRows;
    for (int64_t first = 0; first < vocabulary; first += kColumns) {
      const int64_t columns = std::min(kColumns, vocabulary - first);
      const int64_t chunks = (columns + kChunk - 1) / kChunk;
      tensor::parallel_pieces(blocks * chunks, [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) {
          const int64_t begin = i % blocks * kPieceRows, at = i / blocks * kChunk;
          const HeadPiece piece{.row = row + begin,
                                .rows = std::min(kPieceRows, rows - begin),
                                .first = first + at,
                                .n = std::min(kChunk, columns - at),
                                .z = dz + begin * kColumns + at,
                                .ldz = kColumns};
          multiply_here({.a = in.hidden + piece.row * width,
                         .lda = width,
                         .m = piece.rows,
                         .b = in.weight,
                         .c = piece.z,
                         .ldc = kColumns,
                         .first = piece.first,
                         .count = piece.n},
                        {});
          turn(piece);
        }
      });
      multiply({.a = dz,
                .lda = kColumns,
                .m = rows,
                .b = in.weight_plain,
                .c = in.d_hidden + row * width,
                .ldc = width,
                .accumulate = first > 0},
               {.first = first, .count = columns});
      if (in.d_weight == nullptr) continue;
      weight_gradient({.dy = dz,
                       .ldy = kColumns,
                       .x = in.hidden + row * width,
                       .ldx = width,
                       .m = rows,
                       .out = columns,
                       .in = width,
                       .dw = in.d_weight + first * width});
    }
  }
}

}  // namespace temper::kernel::cpu
