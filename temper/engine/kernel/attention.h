// Causal attention over key-value blocks of 64 positions, for prefill, decode and training alike.
//
//   o = Σ_j p_j v_j,    p = softmax(scale · q·k_j),  j ≤ position of q,  j > position - window
//
// Keys of a sequence stand in blocks that begin at its position 0, 64, 128, …; a query walks them
// in ascending order with an online softmax (Dao et al. 2022, arXiv 2205.14135), full-width and
// masked, so its bits depend on the sequence alone: not on the batch, the tile or whether the keys
// were cached. Sequences of a group may share the blocks of their common prefix; the block in which
// they part is each one's own copy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "temper/engine/tensor/buffer.h"

namespace temper::kernel {

constexpr int64_t kKvBlock = 64;

struct AttentionShape {
  int64_t heads, kv_heads,
      head_dim;        // heads is a multiple of kv_heads; head_dim a multiple of 8, at most 256
  double scale;        // 1/sqrt(head_dim) as a rule
  int64_t window = 0;  // positions that a query sees, its own included; 0: all before it

  /// The first position that a query at `position` sees.
  int64_t first_seen(int64_t position) const {
    return window == 0 || position < window ? 0 : position - window + 1;
  }
};

/// Keys and values of one layer: `blocks` blocks, each K then V, float32:
/// K [kv_heads][head_dim][64] (transposed, so that scores are row updates), V
/// [kv_heads][64][head_dim].
class KvPool {
 public:
  KvPool() = default;
  KvPool(const AttentionShape& shape, int64_t blocks);
  int64_t blocks() const { return blocks_; }
  static int64_t block_bytes(const AttentionShape& shape);
  float* keys(int64_t block, int64_t kv_head);    // [head_dim][64]
  float* values(int64_t block, int64_t kv_head);  // [64][head_dim]
  const float* keys(int64_t block, int64_t kv_head) const;
  const float* values(int64_t block, int64_t kv_head) const;
  void copy_block(int64_t from, int64_t to);
  /// Room for that many blocks; those there are stay, the new ones are 0.
  void grow(int64_t blocks);
  /// Sets every key and value to 0 (gradient pools, and fresh blocks: a masked key must be finite).
  void zero();
  void zero_block(int64_t block);

 private:
  AttentionShape shape_{};
  int64_t blocks_ = 0;
  tensor::Buffer data_;
};

/// A run of consecutive rows (tokens) of one sequence.
struct AttentionRows {
  int64_t first_row;  ///< in q, k, v, out
  int64_t rows;
  int64_t first_position;           ///< of first_row in its sequence
  std::span<const int32_t> blocks;  ///< the sequence's blocks: positions 0–63, 64–127, …
  int64_t unit = 0;  ///< sequences that share blocks have one unit, and stand together
};

/// Writes k and v ([rows, kv_heads, head_dim], row stride ld) of `rows` into their blocks.
/// Sequences that share a block must not both write it.
void store_kv(const AttentionShape& shape, std::span<const AttentionRows> rows, const float* k,
              const float* v, int64_t ld, KvPool& pool);

/// q: [rows, heads, head_dim], row stride ldq. out: the same with row stride ldo. lse: [rows,
/// heads], or null. Parallel over (rows of a sequence, kv head).
void attend(const AttentionShape& shape, std::span<const AttentionRows> rows, const float* q,
            int64_t ldq, const KvPool& pool, float* out, int64_t ldo, float* lse);

struct AttentionBackward {
  const float* q;  // [rows, heads, head_dim], row stride ldq
  int64_t ldq;
  const float* out;    // [rows, heads, head_dim], row stride ldo
  const float* d_out;  // the same
  int64_t ldo;
  const float* lse;  // [rows, heads]
  float* dq;         // as q, row stride ldq, overwritten
};
/// Adds dK and dV into `d_pool` (same layout and block numbers as `pool`, zeroed by the caller).
/// One unit and kv head belong to one thread, which visits rows in order: deterministic.
void attend_backward(const AttentionShape& shape, std::span<const AttentionRows> rows,
                     const AttentionBackward& io, const KvPool& pool, KvPool& d_pool);

/// The gradient of store_kv and of copying a shared prefix: dk, dv ([rows, kv_heads, head_dim], row
/// stride ld) = what d_pool holds for these rows. Rows whose positions other sequences copied (the
/// block in which a group parts) get the copies added in the order of `copies`: {from, to} says
/// that block `to` began as a copy of block `from`, so d_pool[from] += d_pool[to] for the copied
/// positions (those below `positions` in the block).
struct BlockCopy {
  int32_t from, to;
  int32_t positions;
};
void gather_kv_gradient(const AttentionShape& shape, std::span<const AttentionRows> rows,
                        std::span<const BlockCopy> copies, KvPool& d_pool, float* dk, float* dv,
                        int64_t ld);

}  // namespace temper::kernel
