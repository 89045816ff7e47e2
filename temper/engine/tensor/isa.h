// Which instruction set the kernels use. Probed once, logged, and forced by TEMPER_ISA.
#pragma once

#include <string_view>

namespace temper::tensor {

/// In rising order. Scalar, Avx2 and Avx512 give the same bits (one fused multiply-add chain per
/// output); Avx512Bf16 and Amx round activations to bf16 before a GEMM and are classes of their
/// own.
enum class Isa { Scalar, Avx2, Avx512, Avx512Bf16, Amx };

/// The best one this processor runs, or the one that TEMPER_ISA names
/// (amx|avx512_bf16|avx512|avx2|scalar). Error when the name is unknown or the processor lacks it.
Isa isa();
/// For tests: use another one from here on (it must be supported).
void use_isa(Isa isa);
bool supported(Isa isa);
std::string_view name(Isa isa);
/// Runs with equal class names repeat each other's bits: "fma", "avx512_bf16", "amx".
std::string_view bit_class(Isa isa);

}  // namespace temper::tensor
