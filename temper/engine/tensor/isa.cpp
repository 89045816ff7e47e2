#include "temper/engine/tensor/isa.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <string>

#include "temper/foundation/error/error.h"

namespace temper::tensor {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"scalar", "avx2", "avx512", "avx512_bf16",
                                                    "amx"};

bool amx_allowed() {  // Linux hands out the tile registers on request
  constexpr int kArchReqXcompPerm = 0x1023, kTileData = 18;
  unsigned a = 7, b = 0, c = 0, d = 0;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  const bool tile = (d >> 24) & 1, bf16 = (d >> 22) & 1;
  return tile && bf16 && syscall(SYS_arch_prctl, kArchReqXcompPerm, kTileData) == 0;
}

Isa probe() {
  const char* wanted = std::getenv("TEMPER_ISA");
  if (wanted != nullptr && *wanted != '\0') {
    for (size_t i = 0; i < kNames.size(); ++i) {
      if (kNames[i] != wanted) continue;
      if (supported(static_cast<Isa>(i))) return static_cast<Isa>(i);
      throw Error({"this processor cannot run '" + std::string(wanted) + "'", "TEMPER_ISA",
                   "unset it to use the best one there is"});
    }
    throw Error({"unknown instruction set '" + std::string(wanted) + "'", "TEMPER_ISA",
                 "one of amx, avx512_bf16, avx512, avx2, scalar"});
  }
  for (Isa best : {Isa::Amx, Isa::Avx512Bf16, Isa::Avx512, Isa::Avx2}) {
    if (supported(best)) return best;
  }
  return Isa::Scalar;
}

std::atomic<int>& chosen() {
  static std::atomic<int> isa{static_cast<int>(probe())};
  return isa;
}

}  // namespace

bool supported(Isa isa) {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  switch (isa) {
    case Isa::Scalar:
      return true;
    case Isa::Avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::Avx512:
      return avx512;
    case Isa::Avx512Bf16:
      return avx512 && __builtin_cpu_supports("avx512bf16");
    case Isa::Amx: {
      static const bool allowed = amx_allowed();
      return avx512 && __builtin_cpu_supports("avx512bf16") && allowed;
    }
  }
  return false;
}

Isa isa() {
  return static_cast<Isa>(chosen().load(std::memory_order_relaxed));
}

void use_isa(Isa isa) {
  ASSERT(supported(isa), "a test may only force what the processor runs");
  chosen() = static_cast<int>(isa);
}

std::string_view name(Isa isa) {
  return kNames[static_cast<size_t>(isa)];
}

std::string_view bit_class(Isa isa) {
  return isa >= Isa::Avx512Bf16 ? name(isa) : "fma";
}

}  // namespace temper::tensor
