// A data race on purpose: two shares of a parallel loop write one number. ThreadSanitizer that does
// not report it would not report a kernel's either.
#include <cstdio>

#include "temper/engine/tensor/parallel.h"

int main() {
  temper::tensor::use_threads(2);
  int64_t sum = 0;
  temper::tensor::parallel(1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum += i;
  });
  std::printf("%lld\n", static_cast<long long>(sum));
}
