#include "temper/engine/kernel/head.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/kernel/reference/reference.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {

using reference::differing_setting;
using reference::same_bits;
using reference::sample;

struct Case {
  int64_t rows, width, vocabulary;
  double temperature;
  std::vector<float> hidden = sample(rows * width, 1), weight = sample(vocabulary * width, 2, 0.5f);
  std::vector<int32_t> targets = std::vector<int32_t>(static_cast<size_t>(rows));
  Panels panels = Panels(width, vocabulary, Dtype::Float32);
  Panels plain = Panels(vocabulary, width, Dtype::Float32);

  Case(int64_t n, int64_t w, int64_t v, double t)
      : rows(n), width(w), vocabulary(v), temperature(t) {
    for (size_t i = 0; i < targets.size(); ++i) {
      targets[i] =
          static_cast<int32_t>((i * 7919 + static_cast<size_t>(v) - 1) % static_cast<size_t>(v));
    }
    panels.pack(weight.data(), Layout::Transposed);
    plain.pack(weight.data(), Layout::Plain);
  }
  HeadInput input() const { return {hidden.data(), rows, panels, targets.data(), temperature}; }
};

struct Outputs {
  std::vector<float> logp, lse, entropy, sum_p2, mean_logp;
  std::vector<int32_t> argmax;
};
static Outputs run(const Case& c) {
  const auto n = static_cast<size_t>(c.rows);
  Outputs o = {std::vector<float>(n), std::vector<float>(n), std::vector<float>(n),
               std::vector<float>(n), std::vector<float>(n), std::vector<int32_t>(n)};
  head(c.input(), {o.logp.data(), o.lse.data(), o.entropy.data(), o.sum_p2.data(), o.argmax.data(),
                   o.mean_logp.data()});
  return o;
}

static at::Tensor leaf(const std::vector<float>& v, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(v.data()), shape).to(at::kDouble).set_requires_grad(true);
}
static void expect_near(const std::vector<float>& got, const at::Tensor& want, double bound) {
  at::Tensor t = at::from_blob(const_cast<float*>(got.data()), want.sizes()).to(at::kDouble);
  EXPECT_LT(at::abs(t - want).max().item<double>(), bound);
}
static at::Tensor token_ids(const Case& c) {
  return at::tensor(std::vector<int64_t>(c.targets.begin(), c.targets.end()));
}

struct Gradients {
  std::vector<float> hidden, weight;
};
struct Slopes {
  std::vector<float> logp, entropy, mean_logp;
  explicit Slopes(const Case& c)
      : logp(sample(c.rows, 3)), entropy(sample(c.rows, 4)), mean_logp(sample(c.rows, 5)) {}
};
static Gradients backward(const Case& c, const Outputs& o, const Slopes& slopes) {
  Gradients g = {std::vector<float>(c.hidden.size()), std::vector<float>(c.weight.size())};
  head_backward(c.input(), {.lse = o.lse.data(),
                            .entropy = o.entropy.data(),
                            .d_logp = slopes.logp.data(),
                            .d_entropy = slopes.entropy.data(),
                            .d_mean_logp = slopes.mean_logp.data(),
                            .weight_plain = c.plain,
                            .d_hidden = g.hidden.data(),
                            .d_weight = g.weight.data()});
  return g;
}

TEST(Head, AgreesWithTheReferenceForwardAndBackward) {
  for (const Case& c : {Case(1, 8, 5, 1), Case(5, 24, 1024, 0.7), Case(101, 32, 2500, 1),
                        Case(300, 16, 5000, 1.3)}) {
    const Outputs o = run(c);
    const Slopes slopes(c);
    const Gradients g = backward(c, o, slopes);
    at::Tensor h = leaf(c.hidden, {c.rows, c.width}), w = leaf(c.weight, {c.vocabulary, c.width});
    reference::Head want = reference::head(h, w, token_ids(c), c.temperature);
    (want.logp * leaf(slopes.logp, {c.rows}).detach() +
     want.entropy * leaf(slopes.entropy, {c.rows}).detach() +
     want.mean_logp * leaf(slopes.mean_logp, {c.rows}).detach())
        .sum()
        .backward();
    expect_near(o.logp, want.logp.detach(), 2e-5);  // logits below 20, in float32
    expect_near(o.lse, want.lse.detach(), 2e-5);
    expect_near(o.entropy, want.entropy.detach(), 2e-5);
    expect_near(o.sum_p2, want.sum_p2.detach(), 1e-5);
    expect_near(o.mean_logp, want.mean_logp.detach(), 2e-5);
    expect_near(g.hidden, h.grad(), 1e-4);
    expect_near(g.weight, w.grad(), 1e-4);
    at::Tensor best = std::get<1>(at::max(at::matmul(h, w.t()), 1));
    for (int64_t i = 0; i < c.rows; ++i) {
      EXPECT_EQ(o.argmax[static_cast<size_t>(i)], best[i].item<int64_t>());
    }
  }
}

TEST(Head, ARowHasTheSameBitsAloneInABatchAndFromItsLogits) {
  for (double temperature : {1.0, 0.6}) {
    const Case all(130, 40, 3000, temperature);
    const Outputs want = run(all);
    std::vector<float> logits(static_cast<size_t>(all.rows * all.vocabulary));
    head_logits(all.hidden.data(), all.rows, all.panels, logits.data());
    for (size_t i = 0; i < 130; ++i) {
      const float* row = logits.data() + i * 3000;
      const RowStatistics s = row_statistics(row, all.vocabulary, temperature);
      ASSERT_EQ(s.lse, want.lse[i]);
      ASSERT_EQ(row_logp(row, all.targets[i], temperature, s), want.logp[i]);
      float logp = 0, entropy = 0;
      head({all.hidden.data() + i * 40, 1, all.panels, &all.targets[i], temperature},
           {.logp = &logp, .entropy = &entropy});
      ASSERT_EQ(logp, want.logp[i]);
      ASSERT_EQ(entropy, want.entropy[i]);
    }
  }
}

TEST(Head, BitsDependOnNeitherThreadsNorInstructionSet) {
  const Case c(99, 20, 1500, 0.8);
  const Slopes slopes(c);
  EXPECT_EQ(
      differing_setting([&] {
        Outputs o = run(c);
        const Gradients g = backward(c, o, slopes);
        for (const std::vector<float>* part : std::initializer_list<const std::vector<float>*>{
                 &o.lse, &o.entropy, &o.sum_p2, &o.mean_logp, &g.hidden, &g.weight}) {
          o.logp.insert(o.logp.end(), part->begin(), part->end());
        }
        return o.logp;
      }),
      "");
}

TEST(Head, WeightGradientDoesNotDependOnHowRowsAreCut) {
  const Case c(20, 16, 1100, 1);
  const std::vector<float> d_logp = sample(c.rows, 3);
  const Outputs o = run(c);
  std::vector<float> whole(c.weight.size()), cut(c.weight.size()), dh(c.hidden.size());
  const auto part = [&](int64_t first, int64_t rows, std::vector<float>& dw) {
    HeadInput in = c.input();
    in.hidden += first * c.width;
    in.targets += first;
    in.rows = rows;
    head_backward(in, {.lse = o.lse.data() + first,
                       .d_logp = d_logp.data() + first,
                       .weight_plain = c.plain,
                       .d_hidden = dh.data(),
                       .d_weight = dw.data()});
  };
  part(0, 20, whole);
  part(0, 13, cut);
  part(13, 7, cut);
  EXPECT_TRUE(same_bits(whole.data(), cut.data(), static_cast<int64_t>(cut.size())));
}

TEST(RowDraw, FollowsTheSoftmaxAndSkipsExcludedTokens) {
  std::vector<float> logits(2100, -INFINITY);
  const std::vector<int32_t> tokens = {3, 1023, 1024, 2099};
  for (size_t i = 0; i < tokens.size(); ++i) {
    logits[static_cast<size_t>(tokens[i])] = static_cast<float>(i);
  }
  for (double temperature : {1.0, 0.5}) {
    const RowStatistics s = row_statistics(logits.data(), 2100, temperature);
    ASSERT_TRUE(std::isfinite(s.lse));
    std::vector<int> hits(2100);
    constexpr int kDraws = 10000;
    for (int i = 0; i < kDraws; ++i) {  // evenly spaced u: shares are met within one draw
      ++hits[static_cast<size_t>(
          row_draw(logits.data(), 2100, temperature, s, (i + 0.5) / kDraws))];
    }
    int total = 0;
    for (int32_t token : tokens) {
      const int hit = hits[static_cast<size_t>(token)];
      EXPECT_NEAR(hit, kDraws * std::exp(row_logp(logits.data(), token, temperature, s)), 1.1);
      total += hit;
    }
    EXPECT_EQ(total, kDraws);
    EXPECT_EQ(row_draw(logits.data(), 2100, temperature, s, std::nextafter(1.0, 0.0)), 2099);
    EXPECT_EQ(row_draw(logits.data(), 2100, temperature, s, 1e-300), 3);
  }
}

TEST(RowStatistics, ExcludedTokensLeaveTheRestAlone) {
  std::vector<float> logits = sample(3000, 5, 4), few(logits.begin(), logits.begin() + 1024);
  std::fill(logits.begin() + 1024, logits.end(), -INFINITY);
  EXPECT_EQ(row_statistics(logits.data(), 3000, 1).lse, row_statistics(few.data(), 1024, 1).lse);
  std::fill(logits.begin(), logits.end(), -INFINITY);
  EXPECT_EQ(row_statistics(logits.data(), 3000, 1).lse, -INFINITY);
}

TEST(Head, HugeLogitsGiveFiniteStatistics) {
  Case c(2, 8, 40, 1);
  for (float& h : c.hidden) h *= 1e4f;
  const Outputs o = run(c);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(std::isfinite(o.logp[i]) && std::isfinite(o.entropy[i]) && std::isfinite(o.lse[i]));
    EXPECT_NEAR(o.entropy[i], 0, 1e-5);
    EXPECT_NEAR(o.sum_p2[i], 1, 1e-5);
  }
}

}  // namespace temper::kernel
