#include "temper/learn/algo/kl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::kl {
namespace {

at::Tensor row(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble);
}

TEST(Kl, K1AndK3HaveTheMeanOfTheDivergence) {
  const at::Tensor p = row({.5, .3, .2}), logp = at::log(p), ref = at::log(row({.4, .4, .2}));
  EXPECT_NEAR(at::sum(p * k1(logp, ref)).item<double>(), 0.0252671539216, 1e-13);
  EXPECT_NEAR(at::sum(p * k3(logp, ref)).item<double>(), 0.0252671539216, 1e-13);
  EXPECT_NEAR(at::sum(p * k2(logp, ref)).item<double>(), 0.0248624073448, 1e-13);
}

/// Expected gradient, over tokens sampled from π, of an estimator used as a loss: π = softmax(θ,
/// 0).
template <class Estimator>
double slope(Estimator estimator) {
  const at::Tensor theta = row({0.3}).set_requires_grad(true);
  const at::Tensor logp = at::log_softmax(at::cat({theta, row({0})}), 0);
  const at::Tensor ref = at::log(row({.6, .4}));
  at::sum(at::exp(logp).detach() * estimator(logp, ref)).backward();
  return theta.grad().item<double>();
}

TEST(Kl, AsALossOnlyK2AndWeightedK3PointDownTheDivergence) {
  const double divergence = -0.02578182, reversed = -0.02555748;
  EXPECT_NEAR(slope(k1), 0, 1e-15);
  EXPECT_NEAR(slope(k2), divergence, 1e-8);
  EXPECT_NEAR(slope(k3), reversed, 1e-8);
  auto weighted = [](const at::Tensor& logp, const at::Tensor& ref) {
    return at::exp(logp - logp.detach()) * k3(logp, ref);
  };
  EXPECT_NEAR(slope(weighted), divergence, 1e-8);
}

TEST(Kl, WorkedNumbersStandOnThePage) {
  const at::Tensor p = row({.5, .3, .2}), logp = at::log(p), ref = at::log(row({.4, .4, .2}));
  auto value = [](const at::Tensor& x, int64_t i) { return x[i].item<double>(); };
  auto mean = [&](const at::Tensor& x) { return at::sum(p * x).item<double>(); };
  auto noise = [&](const at::Tensor& x) { return std::sqrt(mean(x * x) - mean(x) * mean(x)); };
  const at::Tensor x1 = k1(logp, ref), x2 = k2(logp, ref), x3 = k3(logp, ref), x = abs(logp, ref);
  auto weighted = [](const at::Tensor& own, const at::Tensor& other) {
    return at::exp(own - own.detach()) * k3(own, other);
  };
  conformance::expect_page("kl", {{"k1_1", value(x1, 0)},
                                  {"k1_2", value(x1, 1)},
                                  {"k2_1", value(x2, 0)},
                                  {"k2_2", value(x2, 1)},
                                  {"k3_1", value(x3, 0)},
                                  {"k3_2", value(x3, 1)},
                                  {"abs_2", value(x, 1)},
                                  {"mean_k1", mean(x1)},
                                  {"mean_k2", mean(x2)},
                                  {"mean_k3", mean(x3)},
                                  {"mean_abs", mean(x)},
                                  {"noise_k1", noise(x1)},
                                  {"noise_k3", noise(x3)},
                                  {"slope_k1", slope(k1)},
                                  {"slope_k2", slope(k2)},
                                  {"slope_k3", slope(k3)},
                                  {"slope_k3_rho", slope(weighted)}});
}

TEST(Kl, K3StaysFiniteInFloat32) {
  const at::Tensor far = at::full({1}, 1000.0, at::kFloat), zero = at::zeros({1}, at::kFloat);
  EXPECT_TRUE(std::isfinite(k3(zero, far).item<float>()));
  EXPECT_TRUE(std::isfinite(k3(far, zero).item<float>()));
}

}  // namespace
}  // namespace temper::algo::kl
