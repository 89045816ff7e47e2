#include "temper/engine/kernel/pointwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/engine/kernel/reference/reference.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {

using reference::differing_setting;
using reference::sample;

static at::Tensor leaf(const std::vector<float>& v, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(v.data()), shape).to(at::kDouble).set_requires_grad(true);
}
static void expect_near(const std::vector<float>& got, const at::Tensor& want, double bound) {
  at::Tensor t = at::from_blob(const_cast<float*>(got.data()), want.sizes()).to(at::kDouble);
  EXPECT_LT(at::abs(t - want).max().item<double>(), bound);
}

TEST(Swiglu, AgreesWithTheReferenceForwardAndBackward) {
  for (int64_t width : {5, 16, 50}) {
    const int64_t rows = 6;
    const std::vector<float> gate_up = sample(rows * 2 * width, 1, 3),
                             d_out = sample(rows * width, 2);
    std::vector<float> out(d_out.size()), d(gate_up.size());
    swiglu(gate_up.data(), rows, width, out.data());
    swiglu_backward(gate_up.data(), d_out.data(), rows, width, d.data());
    at::Tensor t = leaf(gate_up, {rows, 2 * width}), y = reference::swiglu(t);
    (y * leaf(d_out, {rows, width}).detach()).sum().backward();
    expect_near(out, y.detach(), 2e-5);  // values below 100, a few roundings
    expect_near(d, t.grad(), 2e-5);
  }
}

TEST(Swiglu, SurvivesExtremeGates) {
  const std::vector<float> gate_up = {1e4f, -1e4f, 1, 1};
  std::vector<float> out(2);
  swiglu(gate_up.data(), 1, 2, out.data());
  EXPECT_EQ(out[0], 1e4f);
  EXPECT_EQ(out[1], 0);
}

TEST(Rope, AgreesWithTheReferenceAndTurnsBack) {
  const int64_t rows = 5, heads = 3, dim = 24, half = dim / 2;
  const std::vector<float> x = sample(rows * heads * dim, 1);
  const std::vector<int32_t> positions = {0, 1, 5, 3, 9};
  std::vector<float> cosine(static_cast<size_t>(10 * half)), sine(cosine.size());
  for (size_t i = 0; i < sine.size(); ++i) {
    const double angle = static_cast<double>(i) * 0.37;
    cosine[i] = static_cast<float>(std::cos(angle));
    sine[i] = static_cast<float>(std::sin(angle));
  }
  const Rope tables = {cosine.data(), sine.data(), dim};
  std::vector<float> got = x;
  rope(tables, positions.data(), rows, heads, got.data(), heads * dim);
  at::Tensor at_rows = at::tensor(std::vector<int64_t>{0, 1, 5, 3, 9});
  at::Tensor c = leaf(cosine, {10, half}).detach().index_select(0, at_rows);
  at::Tensor s = leaf(sine, {10, half}).detach().index_select(0, at_rows);
  at::Tensor t = leaf(x, {rows, heads, dim}), want = reference::rope(t, c, s);
  expect_near(got, want.detach(), 1e-6);
  std::vector<float> dx = x;  // the gradient of Σ x·rope(x') at x' = x
  rope_backward(tables, positions.data(), rows, heads, dx.data(), heads * dim);
  (want * t.detach()).sum().backward();
  expect_near(dx, t.grad(), 1e-6);
}

TEST(Pointwise, BitsDependOnNeitherThreadsNorInstructionSet) {
  const int64_t rows = 90, width = 70;
  const std::vector<float> gate_up = sample(rows * 2 * width, 1, 3), d = sample(rows * width, 2);
  std::vector<int32_t> ids(90);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 11);
  EXPECT_EQ(differing_setting([&] {
              std::vector<float> out(d.size()), back(gate_up.size()), bias(70), table(11 * 70);
              swiglu(gate_up.data(), rows, width, out.data());
              swiglu_backward(gate_up.data(), d.data(), rows, width, back.data());
              bias_gradient(d.data(), width, rows, width, bias.data());
              add_bias(bias.data(), rows, width, out.data(), width);
              add(d.data(), rows * width, out.data());
              scale(0.3f, rows * width, out.data());
              embedding_gradient(d.data(), ids.data(), rows, width, table.data());
              for (const auto* part : {&back, &bias, &table}) {
                out.insert(out.end(), part->begin(), part->end());
              }
              const double squares = sum_of_squares(back.data(), rows * 2 * width);
              out.push_back(static_cast<float>(squares));
              out.push_back(static_cast<float>(squares - static_cast<float>(squares)));
              return out;
            }),
            "");
}

TEST(Pointwise, SumsAndGuards) {
  std::vector<float> x = sample(10001, 4);
  double want = 0;
  for (float v : x) want += static_cast<double>(v) * v;
  EXPECT_NEAR(sum_of_squares(x.data(), 10001), want, 1e-9 * want);
  EXPECT_TRUE(all_finite(x.data(), 10001));
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    x[10000] = bad;
    EXPECT_FALSE(all_finite(x.data(), 10001));
  }
  std::vector<float> table(6), dy = {1, 2, 3, 4};
  const std::vector<int32_t> ids = {2, 2};
  embedding_gradient(dy.data(), ids.data(), 2, 2, table.data());
  EXPECT_EQ(table, (std::vector<float>{0, 0, 0, 0, 4, 6}));
}

}  // namespace temper::kernel
