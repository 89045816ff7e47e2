// Backward attention. With P = exp(S - lse), D = Σ_d dO·O:
//
//   dV += Pᵀ dO,   dP = dO Vᵀ,   dS = P (dP - D),   dQ = scale · dS K,   dK += scale · dSᵀ Q
//
// The scale is multiplied into Q on reading, as in the forward pass.
#include <algorithm>

#include "temper/engine/kernel/attention.h"
#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel {
namespace {

constexpr int64_t kStackedRows = 96;

struct Scratch {
  tensor::Floats q, d_out, dq, scores, d_scores, lse, delta, keys, values;
  std::vector<int32_t> begin, end;  // of the keys in a block that a row sees
};

struct Backward {
  const AttentionShape& shape;
  const AttentionBackward& io;
  const KvPool& pool;
  KvPool& d_pool;
  int64_t group, dim, width;  // width: dim rounded up to 16

  void sequence(const AttentionRows& r, int64_t kv_head) const {
    const int64_t most = std::max<int64_t>(1, kStackedRows / group);
    for (int64_t i = 0; i < r.rows; i += most) {
      tile(r, i, std::min(most, r.rows - i), kv_head);
    }
  }

 private:
  void tile(const AttentionRows& r, int64_t first, int64_t count, int64_t kv_head) const {
    thread_local Scratch scratch;
    Scratch& s = scratch;
    const int64_t rows = count * group, position = r.first_position + first;
    s.q.resize(rows * width);
    s.d_out.resize(rows * width);
    s.dq.resize(rows * width);
    s.scores.resize(rows * kKvBlock);
    s.d_scores.resize(rows * kKvBlock);
    s.lse.resize(rows);
    s.delta.resize(rows);
    s.keys.resize(kKvBlock * width);
    s.values.resize(dim * kKvBlock);
    s.begin.resize(static_cast<size_t>(rows));
    s.end.resize(static_cast<size_t>(rows));
    s.dq.zero();
    s.q.zero();
    s.d_out.zero();
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = r.first_row + first + i / group, head = kv_head * group + i % group;
      const float* d_out = io.d_out + row * io.ldo + head * dim;
      simd().scaled_copy(io.q + row * io.ldq + head * dim, static_cast<float>(shape.scale), dim,
                         s.q.data() + i * width);
      std::copy_n(d_out, dim, s.d_out.data() + i * width);
      s.lse.data()[i] = io.lse[row * shape.heads + head];
      s.delta.data()[i] = simd().dot(d_out, io.out + row * io.ldo + head * dim, dim);
    }
    for (int64_t b = shape.first_seen(position) / kKvBlock; b <= (position + count - 1) / kKvBlock;
         ++b) {
      const int64_t skipped = std::max<int64_t>(0, b * kKvBlock - position);
      int64_t seen = count;  // those from there on are past the block
      while (seen > skipped && shape.first_seen(position + seen - 1) >= (b + 1) * kKvBlock) --seen;
      block(s, {skipped * group, seen * group, position, b, r.blocks[static_cast<size_t>(b)],
                kv_head});
    }
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = r.first_row + first + i / group, head = kv_head * group + i % group;
      simd().scaled_copy(s.dq.data() + i * width, static_cast<float>(shape.scale), dim,
                         io.dq + row * io.ldq + head * dim);
    }
  }

  struct Block {
    int64_t first, rows;  // stacked rows [first, rows) see the block
    int64_t position;     // of stacked row 0
    int64_t b;            // the sequence's block b
    int32_t block;
    int64_t kv_head;
  };
  void block(Scratch& s, const Block& g) const {
    const int64_t rows = g.rows - g.first;
    float* q = s.q.data() + g.first * width;
    float* d_out = s.d_out.data() + g.first * width;
    float* scores = s.scores.data() + g.first * kKvBlock;
    float* d_scores = s.d_scores.data() + g.first * kKvBlock;
    int32_t *begin = s.begin.data() + g.first, *end = s.end.data() + g.first;
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t position = g.position + (g.first + i) / group, at = g.b * kKvBlock;
      begin[i] = static_cast<int32_t>(std::max<int64_t>(0, shape.first_seen(position) - at));
      end[i] = static_cast<int32_t>(std::min(kKvBlock, position - at + 1));
    }
    const float* keys = pool.keys(g.block, g.kv_head);
    const float* values = pool.values(g.block, g.kv_head);
    simd().transpose(keys, kKvBlock, dim, kKvBlock, s.keys.data(), width);    // [64][width]
    simd().transpose(values, dim, kKvBlock, dim, s.values.data(), kKvBlock);  // [dim][64]
    const BlockProduct rows_by_keys = {.a = q,
                                       .lda = width,
                                       .a_columns = false,
                                       .b = keys,
                                       .b_bf16 = false,
                                       .ldb = kKvBlock,
                                       .panel = kPanelWidth,
                                       .m = rows,
                                       .n = kKvBlock,
                                       .k = dim,
                                       .c = scores,
                                       .ldc = kKvBlock,
                                       .accumulate = false};
    simd().product(rows_by_keys);  // S
    BlockProduct dp = rows_by_keys;
    dp.a = d_out;
    dp.b = s.values.data();
    dp.c = d_scores;
    simd().product(dp);
    simd().softmax_gradient({scores, rows, begin, end}, s.lse.data() + g.first,
                            s.delta.data() + g.first, d_scores);
    BlockProduct dq = {.a = d_scores,
                       .lda = kKvBlock,
                       .a_columns = false,
                       .b = s.keys.data(),
                       .b_bf16 = false,
                       .ldb = width,
                       .panel = kPanelWidth,
                       .m = rows,
                       .n = width,
                       .k = kKvBlock,
                       .c = s.dq.data() + g.first * width,
                       .ldc = width,
                       .accumulate = true};
    simd().product(dq);
    BlockProduct dv = {.a = scores,
                       .lda = kKvBlock,
                       .a_columns = true,
                       .b = d_out,
                       .b_bf16 = false,
                       .ldb = width,
                       .panel = kPanelWidth,
                       .m = kKvBlock,
                       .n = dim,
                       .k = rows,
                       .c = d_pool.values(g.block, g.kv_head),
                       .ldc = dim,
                       .accumulate = true};
    simd().product(dv);
    BlockProduct dk = {.a = q,
                       .lda = width,
                       .a_columns = true,
                       .b = d_scores,
                       .b_bf16 = false,
                       .ldb = kKvBlock,
                       .panel = kPanelWidth,
                       .m = dim,
                       .n = kKvBlock,
                       .k = rows,
                       .c = d_pool.keys(g.block, g.kv_head),
                       .ldc = kKvBlock,
                       .accumulate = true};
    simd().product(dk);
  }
};

}  // namespace

void attend_backward(const AttentionShape& shape, std::span<const AttentionRows> rows,
                     const AttentionBackward& io, const KvPool& pool, KvPool& d_pool) {
  std::vector<size_t> units;  // where each begins in rows
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i].unit != rows[i - 1].unit) units.push_back(i);
  }
  units.push_back(rows.size());
  const auto count = static_cast<int64_t>(units.size()) - 1;
  const Backward one = {shape,
                        io,
                        pool,
                        d_pool,
                        shape.heads / shape.kv_heads,
                        shape.head_dim,
                        (shape.head_dim + 15) / 16 * 16};
  tensor::parallel_pieces(count * shape.kv_heads, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const auto unit = static_cast<size_t>(piece / shape.kv_heads);
      for (size_t i = units[unit]; i < units[unit + 1]; ++i) {
        one.sequence(rows[i], piece % shape.kv_heads);
      }
    }
  });
}

void gather_kv_gradient(const AttentionShape& shape, std::span<const AttentionRows> rows,
                        std::span<const BlockCopy> copies, KvPool& d_pool, float* dk, float* dv,
                        int64_t ld) {
  const int64_t dim = shape.head_dim;
  const auto head = [&](int64_t h) {
    for (const BlockCopy& c : copies) {
      const float* from = d_pool.keys(c.to, h);
      float* to = d_pool.keys(c.from, h);
      for (int64_t d = 0; d < dim; ++d) {
        simd().add(from + d * kKvBlock, c.positions, to + d * kKvBlock);
      }
      simd().add(d_pool.values(c.to, h), c.positions * dim, d_pool.values(c.from, h));
    }
    for (const AttentionRows& r : rows) {
      for (int64_t i = 0; i < r.rows;) {
        const int64_t position = r.first_position + i, at = position % kKvBlock;
        const int64_t count = std::min(r.rows - i, kKvBlock - at);
        const int32_t block = r.blocks[static_cast<size_t>(position / kKvBlock)];
        const int64_t to = (r.first_row + i) * ld + h * dim;
        simd().transpose(d_pool.keys(block, h) + at, kKvBlock, dim, count, dk + to, ld);
        for (int64_t j = 0; j < count; ++j) {
          std::copy_n(d_pool.values(block, h) + (at + j) * dim, dim, dv + to + j * ld);
        }
        i += count;
      }
    }
  };
  tensor::parallel_pieces(shape.kv_heads, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) head(h);
  });
}

}  // namespace temper::kernel
