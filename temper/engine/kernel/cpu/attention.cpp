// Forward attention. A piece is a tile of query rows, with all query heads of one key-value head
// stacked, against the blocks of its sequences in order. Consecutive rows that see the same block
// share one product, so sequences with a common prefix read it once. A row's arithmetic does not
// depend on its tile.
#include "temper/engine/kernel/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

constexpr int64_t kStackedRows = 96;  // scores and outputs of a tile stay in L2
constexpr int64_t kSlack = 16;        // 16 floats may be read past the last value

int64_t head_floats(const AttentionShape& s) {
  return s.head_dim * kKvBlock;
}
int64_t block_floats(const AttentionShape& s) {
  return 2 * s.kv_heads * head_floats(s);
}

struct Query {
  int64_t row, position;
  const int32_t* blocks;
};
struct Tile {
  int64_t first, count;
};

struct Scratch {
  tensor::Floats q, acc, scores, max, sum;
  std::vector<int32_t> begin, end;  // of the keys in a block that a row sees
};

struct Attend {
  const AttentionShape& shape;
  const float* q;
  int64_t ldq;
  const KvPool& pool;
  float* out;
  int64_t ldo;
  float* lse;

  void operator()(const Query* queries, int64_t count, int64_t kv_head) const {
    thread_local Scratch scratch;
    const int64_t group = shape.heads / shape.kv_heads, dim = shape.head_dim, rows = count * group;
    const int64_t width = (dim + 15) / 16 * 16;
    scratch.q.resize(rows * dim);
    scratch.acc.resize(rows * width);
    scratch.scores.resize(rows * kKvBlock);
    scratch.max.resize(rows);
    scratch.sum.resize(rows);
    scratch.begin.resize(static_cast<size_t>(rows));
    scratch.end.resize(static_cast<size_t>(rows));
    scratch.acc.zero();
    scratch.sum.zero();
    std::ranges::fill(scratch.max.span(), -std::numeric_limits<float>::infinity());
    int64_t first = queries[0].position, last = 0;
    for (int64_t i = 0; i < count; ++i) {
      first = std::min(first, queries[i].position);
      last = std::max(last, queries[i].position);
      simd().scaled_copy(q + queries[i].row * ldq + kv_head * group * dim,
                         static_cast<float>(shape.scale), group * dim,
                         scratch.q.data() + i * group * dim);
    }
    for (int64_t b = shape.first_seen(first) / kKvBlock; b <= last / kKvBlock; ++b) {
      const auto sees = [&](const Query& query) {
        return query.position >= b * kKvBlock &&
               shape.first_seen(query.position) < (b + 1) * kKvBlock;
      };
      for (int64_t i = 0; i < count;) {
        if (!sees(queries[i])) {
          ++i;
          continue;
        }
        const int32_t block = queries[i].blocks[b];
        int64_t end = i + 1;
        while (end < count && sees(queries[end]) && queries[end].blocks[b] == block) ++end;
        run(scratch, {queries, i, end, b, block, kv_head});
        i = end;
      }
    }
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t row = queries[i / group].row, head = kv_head * group + i % group;
      simd().divide(scratch.acc.data() + i * width, dim, scratch.sum.data()[i],
                    out + row * ldo + head * dim);
      if (lse == nullptr) continue;
      const double sum = scratch.sum.data()[i];
      lse[row * shape.heads + head] = scratch.max.data()[i] + static_cast<float>(std::log(sum));
    }
  }

 private:
  struct Run {
    const Query* queries;
    int64_t begin, end, b;  // queries [begin, end) against the sequence's block b
    int32_t block;
    int64_t kv_head;
  };
  void run(Scratch& scratch, const Run& r) const {
    const int64_t group = shape.heads / shape.kv_heads, dim = shape.head_dim;
    const int64_t width = (dim + 15) / 16 * 16, first = r.begin * group;
    const int64_t rows = (r.end - r.begin) * group;
    float* scores = scratch.scores.data() + first * kKvBlock;
    float* acc = scratch.acc.data() + first * width;
    int32_t *begin = scratch.begin.data() + first, *end = scratch.end.data() + first;
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t position = r.queries[r.begin + i / group].position, at = r.b * kKvBlock;
      begin[i] = static_cast<int32_t>(std::max<int64_t>(0, shape.first_seen(position) - at));
      end[i] = static_cast<int32_t>(std::min(kKvBlock, position - at + 1));
    }
    simd().product({.a = scratch.q.data() + first * dim,
                    .lda = dim,
                    .a_columns = false,
                    .b = pool.keys(r.block, r.kv_head),
                    .b_bf16 = false,
                    .ldb = kKvBlock,
                    .panel = kPanelWidth,
                    .m = rows,
                    .n = kKvBlock,
                    .k = dim,
                    .c = scores,
                    .ldc = kKvBlock,
                    .accumulate = false});
    simd().softmax_step({scores, rows, begin, end}, scratch.max.data() + first,
                        scratch.sum.data() + first, acc, width);
    simd().product({.a = scores,
                    .lda = kKvBlock,
                    .a_columns = false,
                    .b = pool.values(r.block, r.kv_head),
                    .b_bf16 = false,
                    .ldb = dim,
                    .panel = kPanelWidth,
                    .m = rows,
                    .n = width,
                    .k = kKvBlock,
                    .c = acc,
                    .ldc = width,
                    .accumulate = true});
  }
};

}  // namespace

int64_t KvPool::block_bytes(const AttentionShape& shape) {
  return block_floats(shape) * static_cast<int64_t>(sizeof(float));
}
KvPool::KvPool(const AttentionShape& shape, int64_t blocks)
    : shape_(shape),
      blocks_(blocks),
      data_(blocks * block_bytes(shape) + kSlack * static_cast<int64_t>(sizeof(float))) {
  ASSERT(shape.heads % shape.kv_heads == 0, "every key-value head serves as many heads");
  ASSERT(shape.head_dim % 8 == 0 && shape.head_dim <= 256, "head_dim is a multiple of 8 up to 256");
}
const float* KvPool::keys(int64_t block, int64_t kv_head) const {
  return reinterpret_cast<const float*>(data_.data()) + block * block_floats(shape_) +
         kv_head * head_floats(shape_);
}
const float* KvPool::values(int64_t block, int64_t kv_head) const {
  return keys(block, shape_.kv_heads + kv_head);
}
float* KvPool::keys(int64_t block, int64_t kv_head) {
  return const_cast<float*>(std::as_const(*this).keys(block, kv_head));
}
float* KvPool::values(int64_t block, int64_t kv_head) {
  return const_cast<float*>(std::as_const(*this).values(block, kv_head));
}
void KvPool::copy_block(int64_t from, int64_t to) {
  std::memcpy(keys(to, 0), keys(from, 0), static_cast<size_t>(block_bytes(shape_)));
}
void KvPool::grow(int64_t blocks) {
  KvPool larger(shape_, blocks);
  larger.zero();
  std::memcpy(larger.data_.data(), data_.data(),
              static_cast<size_t>(std::min(blocks, blocks_) * block_bytes(shape_)));
  *this = std::move(larger);
}
void KvPool::zero() {
  data_.zero();
}
void KvPool::zero_block(int64_t block) {
  std::memset(keys(block, 0), 0, static_cast<size_t>(block_bytes(shape_)));
}

void store_kv(const AttentionShape& shape, std::span<const AttentionRows> rows, const float* k,
              const float* v, int64_t ld, KvPool& pool) {
  const int64_t dim = shape.head_dim, pieces = static_cast<int64_t>(rows.size()) * shape.kv_heads;
  int64_t total = 0;
  for (const AttentionRows& r : rows) total += r.rows;
  const int64_t work = pieces == 0 ? 0 : 8 * total * shape.kv_heads * dim / pieces;
  cpu::share(pieces, work, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const AttentionRows& r = rows[static_cast<size_t>(piece / shape.kv_heads)];
      const int64_t head = piece % shape.kv_heads;
      for (int64_t i = 0; i < r.rows;) {
        const int64_t position = r.first_position + i, at = position % kKvBlock;
        const int64_t count = std::min(r.rows - i, kKvBlock - at);
        const int32_t block = r.blocks[static_cast<size_t>(position / kKvBlock)];
        const int64_t from = (r.first_row + i) * ld + head * dim;
        simd().transpose(k + from, ld, count, dim, pool.keys(block, head) + at, kKvBlock);
        for (int64_t j = 0; j < count; ++j) {
          std::copy_n(v + from + j * ld, dim, pool.values(block, head) + (at + j) * dim);
        }
        i += count;
      }
    }
  });
}

void attend(const AttentionShape& shape, std::span<const AttentionRows> rows, const float* q,
            int64_t ldq, const KvPool& pool, float* out, int64_t ldo, float* lse) {
  thread_local std::vector<Query> query_list;
  thread_local std::vector<Tile> tile_list;
  std::vector<Query>& queries = query_list;  // a lambda would take each thread's own
  std::vector<Tile>& tiles = tile_list;
  queries.clear();
  tiles.clear();
  int64_t total = 0;
  for (const AttentionRows& r : rows) total += r.rows;
  const int64_t pieces = 4 * tensor::threads();
  const int64_t even = (total * shape.kv_heads + pieces - 1) / pieces;
  const int64_t most = std::clamp<int64_t>(
      even, 1, std::max<int64_t>(1, kStackedRows * shape.kv_heads / shape.heads));
  int64_t unit = 0;
  for (const AttentionRows& r : rows) {
    for (int64_t i = 0; i < r.rows; ++i) {
      if (tiles.empty() || tiles.back().count == most || r.unit != unit) {
        tiles.push_back({static_cast<int64_t>(queries.size()), 0});
        unit = r.unit;
      }
      ++tiles.back().count;
      queries.push_back({r.first_row + i, r.first_position + i, r.blocks.data()});
    }
  }
  const Attend one = {shape, q, ldq, pool, out, ldo, lse};
  const auto count = static_cast<int64_t>(tiles.size());
  tensor::parallel_pieces(count * shape.kv_heads, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const Tile& tile = tiles[static_cast<size_t>(piece % count)];
      one(queries.data() + tile.first, tile.count, piece / count);
    }
  });
}

}  // namespace temper::kernel
