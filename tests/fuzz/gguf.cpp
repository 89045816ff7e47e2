// Any bytes as a GGUF file: read whole, or refused with Error. First bytes that libFuzzer does not
// find are given.
#include <cstdint>
#include <cstring>
#include <string>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/gguf.h"

namespace {

template <class Read>
void tolerate(Read read) {
  try {
    read();
  } catch (const temper::Error&) {
    // Refusing is what a reader may do.
  }
}

uint64_t visit(const temper::file::Gguf& gguf) {
  uint64_t sum = 0;
  for (std::string_view key : gguf.keys()) {
    tolerate([&] { sum += gguf.string(key)->size(); });
    tolerate([&] { sum += static_cast<uint64_t>(*gguf.integer(key)); });
    tolerate([&] { sum += *gguf.number(key) > 0; });
    tolerate([&] { sum += *gguf.boolean(key); });
    tolerate([&] {
      for (std::string_view text : gguf.strings(key))
        sum += text.empty() ? 0 : static_cast<uint8_t>(text.back());
    });
    tolerate([&] { sum += gguf.integers(key).size(); });
    tolerate([&] { sum += gguf.floats(key).size(); });
  }
  for (const auto& tensor : gguf.tensors()) {
    for (std::byte byte : tensor.data) sum += static_cast<uint64_t>(byte);
    if (gguf.find(tensor.name) != &tensor) __builtin_trap();
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size > 8 && data[0] % 4 != 0) {
    const uint32_t version = 3;
    std::memcpy(bytes.data(), "GGUF", 4);
    std::memcpy(bytes.data() + 4, &version, 4);
  }
  tolerate([&] {
    uint64_t sum = visit(temper::file::Gguf::parse(std::as_bytes(std::span(bytes)), "input"));
    asm volatile("" : : "r"(sum));  // keeps the reads
  });
  return 0;
}
