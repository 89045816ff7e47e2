// AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101, alg. 2), as torch.optim.AdamW computes it, in
// float32:
//
//   p -= lr·decay·p;  m = β1·m + (1-β1)·g;  v = β2·v + (1-β2)·g²
//   p -= lr / (1-β1^t) · m / (sqrt(v)/sqrt(1-β2^t) + eps)
#pragma once

#include <cstdint>

namespace temper::kernel {

struct AdamW {
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;           ///< t, from 1
  double gradient_scale;  ///< multiplied into g first: the clip factor
};
void adamw(const AdamW& options, const float* gradient, int64_t n, float* parameter, float* m,
           float* v);

}  // namespace temper::kernel
