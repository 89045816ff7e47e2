#include "temper/engine/kernel/gemm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {

using reference::differing_setting;
using reference::same_bits;
using reference::sample;

static Panels packed(const std::vector<float>& values, int64_t k, int64_t n, Dtype dtype,
                     Layout layout) {
  Panels panels(k, n, dtype);
  panels.pack(values.data(), layout);
  return panels;
}

static std::vector<float> product(const std::vector<float>& a, int64_t m, const Panels& b) {
  std::vector<float> c(static_cast<size_t>(m * b.n()), NAN);
  multiply({.a = a.data(), .lda = b.k(), .m = m, .b = b, .c = c.data(), .ldc = b.n()});
  return c;
}

static at::Tensor matrix(const std::vector<float>& v, int64_t rows, int64_t columns) {
  return at::from_blob(const_cast<float*>(v.data()), {rows, columns}).to(at::kDouble);
}

static double largest(const at::Tensor& t) {
  return at::abs(t).max().item<double>();
}

TEST(Gemm, AgreesWithTheReferenceOnAnyShape) {
  struct Shape {
    int64_t m, n, k;
  };
  for (Shape s : {Shape{1, 1, 1},
                  {1, 7, 3},
                  {2, 16, 5},
                  {3, 33, 64},
                  {5, 100, 300},
                  {6, 48, 257},
                  {13, 40, 600},
                  {67, 70, 31},
                  {200, 130, 520}}) {
    for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
      for (Layout layout : {Layout::Transposed, Layout::Plain}) {
        std::vector<float> a = sample(s.m * s.k, 1), b = sample(s.k * s.n, 2);
        const Panels panels = packed(b, s.k, s.n, dtype, layout);
        if (dtype == Dtype::BFloat16) {
          for (float& x : b) x = round_bf16(x);
        }
        if (panels.packing() == Panels::Packing::Pairs) {
          for (float& x : a) x = round_bf16(x);
        }
        at::Tensor right = layout == Layout::Plain ? matrix(b, s.k, s.n) : matrix(b, s.n, s.k).t();
        at::Tensor want = at::matmul(matrix(a, s.m, s.k), right);
        at::Tensor got = matrix(product(a, s.m, panels), s.m, s.n);
        // A chain of K additions of terms near 1 errs by about sqrt(K) · 2^-24 · sqrt(K) at most.
        EXPECT_LT(largest(want - got), 1e-6 * static_cast<double>(s.k) + 1e-6)
            << s.m << "x" << s.n << "x" << s.k;
        std::vector<float> column(static_cast<size_t>(s.k));
        panels.column(s.n - 1, column.data());
        for (int64_t i = 0; i < s.k; ++i) {
          EXPECT_EQ(column[static_cast<size_t>(i)], right[i][s.n - 1].item<float>());
        }
      }
    }
  }
}

TEST(Gemm, PanelsReadTheOtherWayRoundGiveTheBitsOfPackedOnes) {
  struct Shape {
    int64_t m, out, in;
  };
  for (Shape s : {Shape{1, 1, 1},
                  {3, 20, 7},
                  {5, 300, 100},
                  {64, 64, 192},
                  {7, 700, 33},
                  {400, 330, 200},
                  {1100, 400, 600}}) {
    for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
      if (!can_be_turned(dtype)) continue;
      const std::vector<float> weight = sample(s.out * s.in, 1), dy = sample(s.m * s.out, 2);
      const Panels forward = packed(weight, s.in, s.out, dtype, Layout::Transposed);
      const Panels plain = packed(weight, s.out, s.in, dtype, Layout::Plain);
      const std::vector<float> want = product(dy, s.m, plain),
                               got = product(dy, s.m, Panels::turned(forward));
      EXPECT_TRUE(same_bits(got.data(), want.data(), s.m * s.in))
          << s.m << "x" << s.out << "x" << s.in;
    }
  }
}

TEST(Gemm, AccumulatesOnCAndReadsSomeColumnsOrSteps) {
  const int64_t m = 9, n = 100, k = 300;
  const std::vector<float> a = sample(m * k, 3);
  const Panels b = packed(sample(k * n, 4), k, n, Dtype::Float32, Layout::Plain);
  const std::vector<float> whole = product(a, m, b);
  std::vector<float> parts(static_cast<size_t>(m * n)), columns(static_cast<size_t>(m * 40));
  cpu::multiply({.a = a.data(), .lda = k, .m = m, .b = b, .c = parts.data(), .ldc = n}, {0, 128});
  cpu::multiply({.a = a.data() + 128,
                 .lda = k,
                 .m = m,
                 .b = b,
                 .c = parts.data(),
                 .ldc = n,
                 .accumulate = true},
                {128, 172});
  EXPECT_TRUE(same_bits(whole.data(), parts.data(), m * n)) << "one chain, cut in two";
  multiply({.a = a.data(),
            .lda = k,
            .m = m,
            .b = b,
            .c = columns.data(),
            .ldc = 40,
            .first = 32,
            .count = 40});
  for (int64_t i = 0; i < m; ++i) {
    EXPECT_TRUE(same_bits(&whole[static_cast<size_t>(i * n + 32)],
                          &columns[static_cast<size_t>(i * 40)], 40));
  }
}

TEST(Gemm, ARowHasTheSameBitsAloneAndInABatch) {
  const int64_t most = 130, n = 48, k = 400;
  const std::vector<float> a = sample(most * k, 5), w = sample(k * n, 6);
  for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
    const Panels b = packed(w, k, n, dtype, Layout::Transposed);
    const std::vector<float> all = product(a, most, b);
    for (int64_t m = 1; m <= most; ++m) {
      const std::vector<float> some = product(a, m, b);
      ASSERT_TRUE(same_bits(all.data(), some.data(), m * n)) << m;
    }
  }
}

TEST(Gemm, BitsDependOnNeitherThreadsNorInstructionSet) {
  for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
    for (int64_t m : {1, 2, 3, 4, 17, 70}) {
      EXPECT_EQ(differing_setting([&] {
                  const Panels b = packed(sample(270 * 150, 8), 270, 150, dtype, Layout::Plain);
                  return product(sample(m * 270, 7), m, b);
                }),
                "");
    }
  }
}

TEST(WeightGradient, AgreesWithTheReference) {
  const int64_t m = 300, out = 70, in = 50;
  const std::vector<float> dy = sample(m * out, 9), x = sample(m * in, 10);
  std::vector<float> dw = sample(out * in, 11);
  at::Tensor want = matrix(dw, out, in) + at::matmul(matrix(dy, m, out).t(), matrix(x, m, in));
  weight_gradient({dy.data(), out, x.data(), in, m, out, in, dw.data()});
  EXPECT_LT(largest(want - matrix(dw, out, in)), 1e-6 * static_cast<double>(m));
}

TEST(WeightGradient, BitsDependOnNeitherCutsNorThreadsNorInstructionSet) {
  const int64_t m = 290, out = 75, in = 70;
  const std::vector<float> dy = sample(m * out, 12), x = sample(m * in, 13);
  std::vector<float> whole(static_cast<size_t>(out * in));
  weight_gradient({dy.data(), out, x.data(), in, m, out, in, whole.data()});
  for (int64_t cut : {1, 7, 100, 289}) {
    EXPECT_EQ(differing_setting([&] {
                std::vector<float> dw(static_cast<size_t>(out * in));
                weight_gradient({dy.data(), out, x.data(), in, cut, out, in, dw.data()});
                weight_gradient({dy.data() + cut * out, out, x.data() + cut * in, in, m - cut, out,
                                 in, dw.data()});
                EXPECT_TRUE(same_bits(whole.data(), dw.data(), out * in)) << cut;
                return dw;
              }),
              "");
  }
}

TEST(Exponential, IsWithinTwoUnitsInTheLastPlace) {
  std::vector<float> x;
  for (float v = -87.3f; v < 88.7f; v += 0.0137f) x.push_back(v);
  std::vector<float> y(x.size());
  simd().exponential(x.data(), static_cast<int64_t>(x.size()), y.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = std::exp(static_cast<double>(x[i]));
    EXPECT_LE(std::abs(y[i] - want), 2 * want * 0x1p-23) << x[i];
  }
  const float inf = INFINITY;
  const std::vector<float> edge = {-inf, -1000, -88, 0, -0.0f, 89, inf, NAN};
  std::vector<float> got(edge.size());
  simd().exponential(edge.data(), static_cast<int64_t>(edge.size()), got.data());
  EXPECT_EQ(std::vector<float>(got.begin(), got.end() - 1),
            (std::vector<float>{0, 0, 0, 1, 1, inf, inf}));
  EXPECT_TRUE(std::isnan(got.back()));
  EXPECT_EQ(differing_setting([&] {
              std::vector<float> out(x.size());
              simd().exponential(x.data(), static_cast<int64_t>(x.size()), out.data());
              return out;
            }),
            "");
}

TEST(RoundBf16, RoundsToNearestEven) {
  EXPECT_EQ(round_bf16(1.0f), 1.0f);
  EXPECT_EQ(round_bf16(1.00390625f), 1.0f);       // halfway, down to even
  EXPECT_EQ(round_bf16(1.01171875f), 1.015625f);  // halfway, up to even
  EXPECT_TRUE(std::isnan(round_bf16(NAN)));
}

}  // namespace temper::kernel
