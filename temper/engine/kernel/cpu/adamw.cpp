#include "temper/engine/kernel/adamw.h"

#include <algorithm>
#include <cmath>

#include "temper/engine/kernel/cpu/product.h"
#include "temper/engine/kernel/cpu/simd.h"

namespace temper::kernel {

void adamw(const AdamW& o, const float* gradient, int64_t n, float* parameter, float* m, float* v) {
  const auto steps = static_cast<double>(o.step);
  const double step_size = o.lr / (1 - std::pow(o.beta1, steps));
  const double root = std::sqrt(1 - std::pow(o.beta2, steps));
  constexpr int64_t kBlock = 4096;
  cpu::share((n + kBlock - 1) / kBlock, 8 * kBlock, [&](int64_t begin, int64_t end) {
    const int64_t at = begin * kBlock;
    simd().adamw({.gradient = gradient + at,
                  .n = std::min(n, end * kBlock) - at,
                  .parameter = parameter + at,
                  .m = m + at,
                  .v = v + at,
                  .gradient_scale = static_cast<float>(o.gradient_scale),
                  .keep = static_cast<float>(1 - o.lr * o.weight_decay),
                  .beta1 = static_cast<float>(o.beta1),
                  .rest1 = static_cast<float>(1 - o.beta1),
                  .beta2 = static_cast<float>(o.beta2),
                  .rest2 = static_cast<float>(1 - o.beta2),
                  .step_size = static_cast<float>(step_size),
                  .root_correction = static_cast<float>(root),
                  .eps = static_cast<float>(o.eps)});
  });
}

}  // namespace temper::kernel
