#include "temper/engine/kernel/cpu/simd.h"

#include "temper/engine/tensor/isa.h"

namespace temper::kernel {

const Simd& simd() {
  switch (tensor::isa()) {
    case tensor::Isa::Scalar:
      return scalar::table();
    case tensor::Isa::Avx2:
      return avx2::table();
    default:
      return avx512::table();
  }
}

}  // namespace temper::kernel
