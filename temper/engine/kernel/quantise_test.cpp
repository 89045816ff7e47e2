#include "temper/engine/kernel/quantise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/kernel/reference/sample.h"

namespace temper::kernel {
namespace {

using Kind = QuantiseOptions::Kind;
using reference::differing_setting;
using reference::same_bits;
using reference::sample;

struct Named {
  const char* name;
  QuantiseOptions options;
};
const Named kKinds[] = {{"int8", {.kind = Kind::Int8}},
                        {"nf4", {.kind = Kind::Nf4}},
                        {"nested", {.kind = Kind::Nf4, .nested = true}}};

std::vector<float> values_of(const Quantised& q) {
  std::vector<float> all(static_cast<size_t>(q.rows() * q.columns()));
  for (int64_t row = 0; row < q.rows(); ++row) q.row(row, all.data() + row * q.columns());
  return all;
}

std::vector<float> product(const std::vector<float>& a, int64_t m, const Panels& b,
                           bool accumulate) {
  std::vector<float> c = sample(m * b.n(), 77);
  multiply({.a = a.data(),
            .lda = b.k(),
            .m = m,
            .b = b,
            .c = c.data(),
            .ldc = b.n(),
            .accumulate = accumulate});
  return c;
}

TEST(Quantised, ProductsAreThoseOfPanelsPackedFromItsValues) {
  struct Shape {
    int64_t rows, columns;
  };
  for (const auto& [name, options] : kKinds) {
    for (Shape s : {Shape{1, 1}, {16, 64}, {33, 50}, {70, 130}, {48, 1000}, {600, 96}}) {
      const std::vector<float> w = sample(s.rows * s.columns, 3);
      const Quantised q(w.data(), s.rows, s.columns, options);
      const std::vector<float> read = values_of(q);
      for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
        for (Layout layout : {Layout::Transposed, Layout::Plain}) {
          const Panels lazy(q, layout, dtype);
          Panels packed(lazy.k(), lazy.n(), dtype);
          packed.pack(read.data(), layout);
          for (int64_t m : {1, 5, 130, 300}) {
            const std::vector<float> a = sample(m * lazy.k(), 5);
            for (bool accumulate : {false, true}) {
              EXPECT_TRUE(same_bits(product(a, m, lazy, accumulate).data(),
                                    product(a, m, packed, accumulate).data(), m * lazy.n()))
                  << name << " " << s.rows << "x" << s.columns << " m " << m;
            }
          }
        }
      }
    }
  }
}

TEST(Quantised, BitsDependOnNeitherThreadsNorInstructionSet) {
  for (const auto& [name, options] : kKinds) {
    for (Layout layout : {Layout::Transposed, Layout::Plain}) {
      for (Dtype dtype : {Dtype::Float32, Dtype::BFloat16}) {
        EXPECT_EQ(differing_setting([&, o = options] {
                    const Quantised q(sample(150 * 96, 8).data(), 150, 96, o);
                    const Panels lazy(q, layout, dtype);
                    return product(sample(17 * lazy.k(), 7), 17, lazy, false);
                  }),
                  "")
            << name;
      }
    }
  }
}

TEST(Quantised, ErrsByAtMostHalfAStep) {
  const int64_t rows = 48, columns = 128;  // whole panels
  const std::vector<float> w = sample(rows * columns, 4);
  for (const auto& [name, options] : kKinds) {
    const Quantised q(w.data(), rows, columns, options);
    const std::vector<float> read = values_of(q);
    const int64_t block = options.kind == Kind::Int8 ? columns : 64;
    // The widest gap of the table is 0.304 of the largest weight, that of int8 1/127; a scale in 8
    // bits errs by 3 % of the largest one's distance from their mean.
    const double half = options.kind == Kind::Int8 ? 0.5 / 127 : 0.1519;
    for (int64_t at = 0; at < rows * columns; at += block) {
      double largest = 0;
      for (int64_t i = at; i < at + block; ++i)
        largest = std::max(largest, std::abs(double{w[static_cast<size_t>(i)]}));
      const double within = largest * (half + 1e-6) + (options.nested ? 0.1 * largest : 0);
      for (int64_t i = at; i < at + block; ++i)
        ASSERT_NEAR(w[static_cast<size_t>(i)], read[static_cast<size_t>(i)], within) << name;
    }
    EXPECT_NEAR(static_cast<double>(q.bytes()) / static_cast<double>(rows * columns),
                bytes_a_weight(options, columns), 0.01);
  }
  EXPECT_EQ(bytes_a_weight({}, columns), 0);
}

TEST(Quantised, ARowOfZerosStaysOne) {
  const std::vector<float> zeros(3 * 64, 0.0f);
  for (const auto& [name, options] : kKinds) {
    for (float value : values_of({zeros.data(), 3, 64, options})) ASSERT_EQ(value, 0.0f) << name;
  }
}

}  // namespace
}  // namespace temper::kernel
