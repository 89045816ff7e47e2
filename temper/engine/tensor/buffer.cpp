#include "temper/engine/tensor/buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::tensor {
namespace {

struct Count {
  std::atomic<int64_t> now{0}, peak{0};
  void add(int64_t bytes) {
    int64_t total = now.fetch_add(bytes) + bytes;
    int64_t seen = peak.load();
    while (total > seen && !peak.compare_exchange_weak(seen, total)) {
    }
  }
};

Count& count() {
  static Count all;
  return all;
}

}  // namespace

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  ASSERT(bytes >= 0, "a buffer's size is not negative");
  if (bytes == 0) return;
  constexpr int64_t kHuge = int64_t{2} << 20;
  const int64_t alignment = bytes >= kHuge ? kHuge : 64;
  const int64_t rounded = (bytes + alignment - 1) / alignment * alignment;
  data_ = static_cast<std::byte*>(
      std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(rounded)));
  if (data_ == nullptr) {
    throw Error({"out of memory: could not get " + std::to_string(bytes >> 20) + " MB", "",
                 "use a smaller model, batch or length, or LoRA (--use_peft)"});
  }
  if (alignment == kHuge) madvise(data_, static_cast<size_t>(rounded), MADV_HUGEPAGE);
  count().add(bytes_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  std::free(data_);
  count().now -= bytes_;
}

void Buffer::zero() {
  if (bytes_ > 0) std::memset(data_, 0, static_cast<size_t>(bytes_));
}

void Floats::resize(int64_t count) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(float));
  if (bytes > buffer_.bytes()) {
    buffer_ = Buffer();  // given back before the larger one is taken
    buffer_ = Buffer(bytes);
  }
  size_ = count;
}

void Floats::zero() {
  if (size_ > 0) std::memset(data(), 0, static_cast<size_t>(size_) * sizeof(float));
}

Held held() {
  return {count().now.load(), count().peak.load()};
}

}  // namespace temper::tensor
