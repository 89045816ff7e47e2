#include "temper/engine/kernel/norm.h"

#include <gtest/gtest.h>

#include "temper/engine/kernel/adamw.h"
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

TEST(RmsNorm, AgreesWithTheReferenceForwardAndBackward) {
  for (int64_t width : {8, 64, 100, 576}) {
    const int64_t rows = 7;
    const std::vector<float> x = sample(rows * width, 1), w = sample(width, 2),
                             dy = sample(rows * width, 3);
    std::vector<float> y(x.size()), dx(x.size()), dw(w.size()), rstd(static_cast<size_t>(rows));
    const RmsNorm norm = {rows, width, x.data(), width, w.data(), 1e-5};
    rms_norm(norm, y.data(), width, rstd.data());
    rms_norm_backward(norm, dy.data(), width, rstd.data(), dx.data(), false, dw.data());
    at::Tensor tx = leaf(x, {rows, width}), tw = leaf(w, {width});
    at::Tensor ty = reference::rms_norm(tx, tw, 1e-5);
    (ty * leaf(dy, {rows, width}).detach()).sum().backward();
    expect_near(y, ty.detach(), 1e-5);  // a few roundings of values below 10
    expect_near(dx, tx.grad(), 2e-5);
    expect_near(dw, tw.grad(), 2e-5);
    std::vector<float> twice = dx;
    rms_norm_backward(norm, dy.data(), width, rstd.data(), twice.data(), true, nullptr);
    for (size_t i = 0; i < dx.size(); ++i) EXPECT_EQ(twice[i], 2 * dx[i]);
  }
}

TEST(RmsNorm, BitsDependOnNeitherThreadsNorInstructionSet) {
  const int64_t rows = 130, width = 100;
  const std::vector<float> x = sample(rows * width, 1), w = sample(width, 2),
                           dy = sample(rows * width, 3);
  EXPECT_EQ(differing_setting([&] {
              std::vector<float> y(x.size()), dx(x.size()), dw(w.size()), rstd(130);
              const RmsNorm norm = {rows, width, x.data(), width, w.data(), 1e-5};
              rms_norm(norm, y.data(), width, rstd.data());
              rms_norm_backward(norm, dy.data(), width, rstd.data(), dx.data(), false, dw.data());
              for (const auto* part : {&dx, &dw, &rstd})
                y.insert(y.end(), part->begin(), part->end());
              return y;
            }),
            "");
}

TEST(AdamW, AgreesWithTheReferenceOverSteps) {
  const int64_t n = 5000;
  std::vector<float> p = sample(n, 1), m(p.size()), v(p.size());
  reference::AdamWState want = {leaf(p, {n}).detach(), at::zeros({n}, at::kDouble),
                                at::zeros({n}, at::kDouble)};
  for (int64_t step = 1; step <= 5; ++step) {
    const std::vector<float> g = sample(n, static_cast<uint64_t>(step) + 7);
    adamw({1e-2, 0.9, 0.999, 1e-8, 0.1, step, 0.5}, g.data(), n, p.data(), m.data(), v.data());
    want = reference::adamw(want, leaf(g, {n}).detach(), {1e-2, 0.9, 0.999, 1e-8, 0.1, 0.5, step});
  }
  expect_near(p, want.parameter, 2e-6);  // five steps of one rounding at values below 4
  expect_near(m, want.m, 1e-6);
  expect_near(v, want.v, 1e-6);
}

TEST(AdamW, BitsDependOnNeitherThreadsNorInstructionSet) {
  EXPECT_EQ(
      differing_setting([] {
        const int64_t n = 20001;
        std::vector<float> p = sample(n, 1), m = sample(n, 2), v(p.size()), g = sample(n, 3);
        adamw({1e-3, 0.9, 0.99, 1e-8, 0.1, 3, 0.7}, g.data(), n, p.data(), m.data(), v.data());
        for (const auto* part : {&m, &v}) p.insert(p.end(), part->begin(), part->end());
        return p;
      }),
      "");
}

}  // namespace temper::kernel
