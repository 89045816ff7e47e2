// Products of bf16 panels through at::native::cpublas::brgemm, on processors with AVX512-BF16 or
// AMX.
#pragma once

#include "temper/engine/kernel/cpu/product.h"

namespace temper::kernel::cpu::brgemm {

/// Whether bf16 panels packed now should be pair panels: the instruction set has bf16 products and
/// they passed the self-test of this process. Says so on stderr, once, when they did not.
bool usable();

int64_t bytes(int64_t k, int64_t n);
/// Packs columns 32·panel … 32·panel + 31.
void pack(const float* values, Layout layout, int64_t k, int64_t n, int64_t panel, uint16_t* out);
float element(const std::byte* data, int64_t k, int64_t step, int64_t column);
/// Parallel unless `here`.
void multiply(const Product& product, Steps steps, bool here);

}  // namespace temper::kernel::cpu::brgemm
