#include "temper/engine/kernel/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "temper/engine/kernel/reference/reference.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {

using reference::differing_setting;
using reference::same_bits;
using reference::sample;

/// One sequence in blocks of its own.
struct Sequence {
  AttentionShape shape;
  int64_t length;
  std::vector<float> q, k, v;
  std::vector<int32_t> blocks;

  Sequence(AttentionShape s, int64_t rows, uint64_t seed)
      : shape(s),
        length(rows),
        q(sample(rows * s.heads * s.head_dim, seed)),
        k(sample(rows * s.kv_heads * s.head_dim, seed + 1)),
        v(sample(rows * s.kv_heads * s.head_dim, seed + 2)),
        blocks(static_cast<size_t>((rows + kKvBlock - 1) / kKvBlock)) {
    std::iota(blocks.rbegin(), blocks.rend(), 1);  // block 0 stays unused
  }
  int64_t q_width() const { return shape.heads * shape.head_dim; }
  int64_t kv_width() const { return shape.kv_heads * shape.head_dim; }
  AttentionRows rows() const { return {0, length, 0, blocks}; }
  KvPool pool() const {
    KvPool made(shape, static_cast<int64_t>(blocks.size()) + 1);
    made.zero();
    return made;
  }
};

struct Result {
  std::vector<float> out, lse;
};
static Result prefill(const Sequence& s, KvPool& pool) {
  Result r = {std::vector<float>(s.q.size()),
              std::vector<float>(static_cast<size_t>(s.length * s.shape.heads))};
  const std::vector<AttentionRows> rows = {s.rows()};
  store_kv(s.shape, rows, s.k.data(), s.v.data(), s.kv_width(), pool);
  attend(s.shape, rows, s.q.data(), s.q_width(), pool, r.out.data(), s.q_width(), r.lse.data());
  return r;
}

static at::Tensor leaf(const std::vector<float>& v, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(v.data()), shape).to(at::kDouble).set_requires_grad(true);
}
static void expect_near(const std::vector<float>& got, const at::Tensor& want, double bound) {
  at::Tensor t = at::from_blob(const_cast<float*>(got.data()), want.sizes()).to(at::kDouble);
  EXPECT_LT(at::abs(t - want).max().item<double>(), bound);
}

TEST(Attention, AgreesWithTheReferenceForwardAndBackward) {
  struct Case {
    int64_t heads, kv_heads, dim, length, window = 0;
  };
  for (Case c : {Case{1, 1, 8, 1},
                 {3, 1, 64, 63},
                 {4, 2, 24, 64},
                 {9, 3, 64, 65},
                 {2, 2, 40, 135},
                 {12, 1, 16, 130},
                 {2, 1, 256, 70},
                 {4, 2, 24, 200, 1},
                 {9, 3, 64, 200, 30},
                 {3, 1, 16, 300, 64},
                 {4, 1, 16, 300, 65},
                 {2, 2, 40, 300, 150},
                 {2, 1, 8, 100, 400}}) {
    const AttentionShape shape = {c.heads, c.kv_heads, c.dim,
                                  1 / std::sqrt(static_cast<double>(c.dim)), c.window};
    const Sequence s(shape, c.length, 5);
    KvPool pool = s.pool(), d_pool = s.pool();
    const Result got = prefill(s, pool);
    const std::vector<float> d_out = sample(static_cast<int64_t>(s.q.size()), 9);
    std::vector<float> dq(s.q.size()), dk(s.k.size()), dv(s.v.size());
    const std::vector<AttentionRows> rows = {s.rows()};
    attend_backward(shape, rows,
                    {s.q.data(), s.q_width(), got.out.data(), d_out.data(), s.q_width(),
                     got.lse.data(), dq.data()},
                    pool, d_pool);
    gather_kv_gradient(shape, rows, {}, d_pool, dk.data(), dv.data(), s.kv_width());
    at::Tensor q = leaf(s.q, {c.length, c.heads, c.dim});
    at::Tensor k = leaf(s.k, {c.length, c.kv_heads, c.dim});
    at::Tensor v = leaf(s.v, {c.length, c.kv_heads, c.dim});
    reference::Attention want = reference::attention(q, k, v, shape.scale, c.window);
    (want.out * leaf(d_out, {c.length, c.heads, c.dim}).detach()).sum().backward();
    expect_near(got.out, want.out.detach(), 1e-5);  // averages of values below 5
    expect_near(got.lse, want.lse.detach(), 1e-5);
    expect_near(dq, q.grad(), 5e-5);  // sums of up to 135 · group terms near 1
    expect_near(dk, k.grad(), 2e-4);
    expect_near(dv, v.grad(), 2e-4);
  }
}

static void expect_decoding_repeats_prefill(const AttentionShape& shape) {
  const Sequence s(shape, 150, 1);
  KvPool pool = s.pool(), cache = s.pool();
  const Result whole = prefill(s, pool);
  for (int64_t step : {1, 7, 50}) {
    cache.zero();
    for (int64_t at = 0; at < s.length; at += step) {
      const int64_t count = std::min(step, s.length - at);
      const std::vector<AttentionRows> rows = {{0, count, at, s.blocks}};
      std::vector<float> out(static_cast<size_t>(count * s.q_width()));
      std::vector<float> lse(static_cast<size_t>(count * s.shape.heads));
      store_kv(s.shape, rows, s.k.data() + at * s.kv_width(), s.v.data() + at * s.kv_width(),
               s.kv_width(), cache);
      attend(s.shape, rows, s.q.data() + at * s.q_width(), s.q_width(), cache, out.data(),
             s.q_width(), lse.data());
      ASSERT_TRUE(same_bits(out.data(), whole.out.data() + at * s.q_width(), count * s.q_width()));
      ASSERT_TRUE(
          same_bits(lse.data(), whole.lse.data() + at * s.shape.heads, count * s.shape.heads));
    }
  }
}

TEST(Attention, DecodingTokenByTokenRepeatsPrefillBitForBit) {
  for (int64_t window : {0, 20, 70}) expect_decoding_repeats_prefill({9, 3, 64, 0.125, window});
}

/// A group of sequences: a prompt of 100 tokens, answers of 30, as one packed row each.
struct Group {
  static constexpr int64_t kPrompt = 100, kAnswer = 30, kAnswers = 3;
  AttentionShape shape = {4, 2, 16, 0.25};
  std::vector<Sequence> sequences;
  std::vector<std::vector<int32_t>> blocks;  // of the prompt, then of each answer

  Group() {
    for (int64_t i = 0; i < kAnswers; ++i) {
      Sequence s(shape, kPrompt + kAnswer, 20 + 10 * static_cast<uint64_t>(i));
      if (i > 0) {  // the same prompt
        std::copy_n(sequences[0].q.begin(), kPrompt * s.q_width(), s.q.begin());
        std::copy_n(sequences[0].k.begin(), kPrompt * s.kv_width(), s.k.begin());
        std::copy_n(sequences[0].v.begin(), kPrompt * s.kv_width(), s.v.begin());
      }
      sequences.push_back(s);
    }
    blocks.push_back({0, 1});
    for (int32_t i = 0; i < kAnswers; ++i) blocks.push_back({0, 2 + 2 * i, 3 + 2 * i});
  }
  /// Rows of the packed batch: the prompt, then the answers.
  std::vector<float> packed(std::vector<float> Sequence::*field, int64_t width) const {
    const std::vector<float>& first = sequences[0].*field;
    std::vector<float> out(first.begin(), first.begin() + kPrompt * width);
    for (const Sequence& s : sequences) {
      out.insert(out.end(), (s.*field).begin() + kPrompt * width, (s.*field).end());
    }
    return out;
  }
  std::vector<AttentionRows> rows() const {
    std::vector<AttentionRows> all = {{0, kPrompt, 0, blocks[0], 7}};
    for (int64_t i = 0; i < kAnswers; ++i) {
      all.push_back(
          {kPrompt + i * kAnswer, kAnswer, kPrompt, blocks[static_cast<size_t>(i) + 1], 7});
    }
    return all;
  }
};

TEST(Attention, SharedPrefixesRepeatSeparateSequencesForwardAndBackward) {
  const Group g;
  const int64_t qw = g.sequences[0].q_width(), kw = g.sequences[0].kv_width();
  const std::vector<AttentionRows> rows = g.rows();
  const int64_t total = Group::kPrompt + Group::kAnswers * Group::kAnswer;
  const std::vector<float> q = g.packed(&Sequence::q, qw), k = g.packed(&Sequence::k, kw),
                           v = g.packed(&Sequence::v, kw), d_out = sample(total * qw, 77);
  std::vector<float> out(q.size()), lse(static_cast<size_t>(total * g.shape.heads));
  std::vector<float> dq(q.size()), dk(k.size()), dv(v.size());
  KvPool pool(g.shape, 8), d_pool(g.shape, 8);
  pool.zero();
  d_pool.zero();
  std::vector<BlockCopy> copies;
  store_kv(g.shape, std::span(rows).first(1), k.data(), v.data(), kw, pool);
  for (int32_t i = 0; i < Group::kAnswers; ++i) {
    copies.push_back({1, 2 + 2 * i, Group::kPrompt - kKvBlock});
    pool.copy_block(1, 2 + 2 * i);
  }
  store_kv(g.shape, std::span(rows).subspan(1), k.data(), v.data(), kw, pool);
  attend(g.shape, rows, q.data(), qw, pool, out.data(), qw, lse.data());
  attend_backward(g.shape, rows,
                  {q.data(), qw, out.data(), d_out.data(), qw, lse.data(), dq.data()}, pool,
                  d_pool);
  gather_kv_gradient(g.shape, rows, copies, d_pool, dk.data(), dv.data(), kw);

  at::Tensor tk = leaf(k, {total, 2, 16}), tv = leaf(v, {total, 2, 16}),
             tq = leaf(q, {total, 4, 16});
  at::Tensor td = leaf(d_out, {total, 4, 16}).detach(), loss = at::zeros({}, at::kDouble);
  for (int64_t i = 0; i < Group::kAnswers; ++i) {
    const Sequence& s = g.sequences[static_cast<size_t>(i)];
    KvPool own = s.pool();
    const Result alone = prefill(s, own);
    const int64_t at = Group::kPrompt + i * Group::kAnswer;
    EXPECT_TRUE(same_bits(alone.out.data() + Group::kPrompt * qw, out.data() + at * qw,
                          Group::kAnswer * qw));
    EXPECT_TRUE(same_bits(alone.out.data(), out.data(), Group::kPrompt * qw));
    const auto whole = [&](const at::Tensor& t) {
      return at::cat({t.narrow(0, 0, Group::kPrompt), t.narrow(0, at, Group::kAnswer)}, 0);
    };
    at::Tensor o = reference::attention(whole(tq), whole(tk), whole(tv), 0.25).out * whole(td);
    loss = loss + o.narrow(0, Group::kPrompt, Group::kAnswer).sum();
    if (i == 0) loss = loss + o.narrow(0, 0, Group::kPrompt).sum();
  }
  loss.backward();
  expect_near(dq, tq.grad(), 5e-5);
  expect_near(dk, tk.grad(), 2e-4);
  expect_near(dv, tv.grad(), 2e-4);
}

TEST(Attention, ADecodeBatchRepeatsEachSequenceAlone) {
  const Group g;
  const int64_t qw = g.sequences[0].q_width(), kw = g.sequences[0].kv_width();
  KvPool pool(g.shape, 8);
  pool.zero();
  std::vector<AttentionRows> batch;
  std::vector<float> q, want;
  const int64_t last = Group::kPrompt + Group::kAnswer - 1;
  for (size_t i = 0; i < g.sequences.size(); ++i) {
    const Sequence& s = g.sequences[i];
    KvPool own = s.pool();
    const Result alone = prefill(s, own);
    const std::vector<AttentionRows> rows = {{0, s.length, 0, g.blocks[i + 1]}};
    store_kv(g.shape, rows, s.k.data(), s.v.data(), kw, pool);
    q.insert(q.end(), s.q.end() - qw, s.q.end());
    want.insert(want.end(), alone.out.end() - qw, alone.out.end());
    batch.push_back({static_cast<int64_t>(i), 1, last, g.blocks[i + 1], 0});
  }
  EXPECT_EQ(differing_setting([&] {
              std::vector<float> out(q.size());
              attend(g.shape, batch, q.data(), qw, pool, out.data(), qw, nullptr);
              EXPECT_TRUE(same_bits(want.data(), out.data(), static_cast<int64_t>(out.size())));
              return out;
            }),
            "");
}

TEST(Attention, WhatStandsAfterAPositionDoesNotMatter) {
  const Sequence s({3, 1, 24, 0.2}, 40, 1);
  KvPool clean = s.pool(), stale = s.pool();
  for (int64_t i = 0; i < 24 * kKvBlock; ++i) stale.keys(1, 0)[i] = stale.values(1, 0)[i] = -1e30f;
  const Result want = prefill(s, clean), got = prefill(s, stale);
  EXPECT_EQ(want.out, got.out);
}

TEST(Attention, BitsDependOnNeitherThreadsNorInstructionSet) {
  for (int64_t dim : {16, 24}) {
    const Sequence s({6, 2, dim, 0.2}, 140, 3);
    EXPECT_EQ(differing_setting([&] {
                KvPool pool = s.pool(), d_pool = s.pool();
                Result r = prefill(s, pool);
                std::vector<float> dq(s.q.size()), dk(s.k.size()), dv(s.v.size());
                const std::vector<AttentionRows> rows = {s.rows()};
                attend_backward(s.shape, rows,
                                {s.q.data(), s.q_width(), r.out.data(), s.q.data(), s.q_width(),
                                 r.lse.data(), dq.data()},
                                pool, d_pool);
                gather_kv_gradient(s.shape, rows, {}, d_pool, dk.data(), dv.data(), s.kv_width());
                for (const auto* part : {&r.lse, &dq, &dk, &dv}) {
                  r.out.insert(r.out.end(), part->begin(), part->end());
                }
                return r.out;
              }),
              "");
  }
}

}  // namespace temper::kernel
