// Any bytes as a safetensors file: read whole, or refused with Error. Half the inputs are a header
// alone, to which the right length and some data are added.
#include <cstdint>
#include <string>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] == '{') {
    const uint64_t length = size;
    bytes = std::string(reinterpret_cast<const char*>(&length), 8) + bytes + std::string(16, '\1');
  }
  try {
    auto file = temper::file::Safetensors::parse(std::as_bytes(std::span(bytes)), "input");
    uint64_t sum = file.metadata().size();
    for (const auto& tensor : file.tensors()) {
      for (std::byte byte : tensor.data) sum += static_cast<uint64_t>(byte);
      if (file.find(tensor.name) != &tensor) __builtin_trap();
    }
    asm volatile("" : : "r"(sum));  // keeps the reads
  } catch (const temper::Error&) {
    // Refusing is what a reader may do.
  }
  return 0;
}
