// Inputs and comparisons for the tests of the kernels.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "temper/engine/tensor/isa.h"
#include "temper/engine/tensor/parallel.h"

namespace temper::kernel::reference {

/// n values of about the standard normal distribution (a sum of four uniforms), times `size`.
inline std::vector<float> sample(int64_t n, uint64_t seed, float size = 1) {
  std::vector<float> out(static_cast<size_t>(n));
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (float& value : out) {
    double sum = -2;
    for (int i = 0; i < 4; ++i) {
      uint64_t z = (state += 0x9e3779b97f4a7c15u);  // splitmix64
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      sum += static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
    }
    value = static_cast<float>(sum * 1.7320508) * size;
  }
  return out;
}

inline bool same_bits(const float* a, const float* b, int64_t n) {
  return std::memcmp(a, b, static_cast<size_t>(n) * sizeof(float)) == 0;
}

/// Restores the instruction set and the number of threads.
class Setting {
 public:
  Setting() : isa_(tensor::isa()), threads_(tensor::threads()) {}
  ~Setting() {
    tensor::use_isa(isa_);
    tensor::use_threads(threads_);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  tensor::Isa isa_;
  int threads_;
};

/// Calls f, which returns floats, on every instruction set of the fma class with 1, 2 and 3
/// threads; names the first setting whose bits differ from the first one's, or nothing.
template <class F>
std::string differing_setting(F f) {
  const Setting restored;
  std::vector<float> first;
  for (auto isa : {tensor::Isa::Scalar, tensor::Isa::Avx2, tensor::Isa::Avx512}) {
    if (!tensor::supported(isa)) continue;
    tensor::use_isa(isa);
    for (int threads : {1, 2, 3}) {
      tensor::use_threads(threads);
      std::vector<float> got = f();
      if (first.empty()) first = got;
      if (got.size() != first.size() ||
          !same_bits(got.data(), first.data(), static_cast<int64_t>(got.size()))) {
        return std::string(tensor::name(isa)) + " with " + std::to_string(threads) + " threads";
      }
    }
  }
  return "";
}

}  // namespace temper::kernel::reference
