#include "temper/engine/tensor/buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

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

std::atomic<int64_t>& limit() {
  static std::atomic<int64_t> bytes{0};
  return bytes;
}

void refuse_above_limit(int64_t bytes) {
  if (bytes <= memory_left()) return;
  throw Error({"memory_limit is " + std::to_string(limit() >> 20) + " MB, " +
                   std::to_string(count().now >> 20) + " MB are held and " +
                   std::to_string((bytes >> 20) + 1) + " MB more are wanted",
               "", "raise it, or use a smaller batch, length or number of sequences"});
}

constexpr int64_t kHuge = int64_t{2} << 20;

/// What a buffer of so many bytes takes: large ones come in four sizes an octave, so that one fits
/// where another was.
int64_t taken_by(int64_t bytes) {
  if (bytes < kHuge) return (bytes + 63) / 64 * 64;
  const int64_t octave = int64_t{1} << (63 - std::countl_zero(static_cast<uint64_t>(bytes)));
  const int64_t unit = std::max(kHuge, octave / 4);
  return (bytes + unit - 1) / unit * unit;
}

/// Large blocks that nobody holds, kept for the next who wants their size: fresh pages would be
/// zeroed by the kernel, at a cost like that of a layer's work. What is held and what is kept never
/// pass the most that was ever held at once.
class Spare {
 public:
  std::byte* take(int64_t size) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(size);
    if (found != blocks_.end() && !found->second.empty()) {
      std::byte* block = found->second.back();
      found->second.pop_back();
      kept_ -= size;
      return block;
    }
    make_room(size);
    return static_cast<std::byte*>(
        std::aligned_alloc(static_cast<size_t>(kHuge), static_cast<size_t>(size)));
  }

  void give(std::byte* block, int64_t size) {
#if defined(__SANITIZE_ADDRESS__)
    std::free(block);  // so that use after it is seen
    return;
#endif
    const std::lock_guard lock(mutex_);
    blocks_[size].push_back(block);
    kept_ += size;
    make_room(0);
  }

 private:
  void make_room(int64_t size) {
    for (auto place = blocks_.rbegin(); place != blocks_.rend(); ++place) {  // the largest first
      while (!place->second.empty() && count().now + kept_ + size > count().peak) {
        std::free(place->second.back());
        place->second.pop_back();
        kept_ -= place->first;
      }
    }
  }

  std::mutex mutex_;
  std::map<int64_t, std::vector<std::byte*>> blocks_;
  int64_t kept_ = 0;
};

Spare& spare() {
  static auto* all = new Spare;  // outlives every buffer
  return *all;
}

}  // namespace

Buffer::Buffer(int64_t bytes) : bytes_(bytes) {
  ASSERT(bytes >= 0, "a buffer's size is not negative");
  if (bytes == 0) return;
  refuse_above_limit(bytes);
  const int64_t size = taken_by(bytes);
  data_ = size >= kHuge
              ? spare().take(size)
              : static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>(size)));
  if (data_ == nullptr) {
    throw Error({"out of memory: could not get " + std::to_string(bytes >> 20) + " MB", "",
                 "use a smaller model, batch or length, or LoRA (--use_peft)"});
  }
  if (size >= kHuge) madvise(data_, static_cast<size_t>(size), MADV_HUGEPAGE);
  count().add(bytes);
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
  const int64_t size = taken_by(bytes_);
  count().now -= bytes_;
  if (size >= kHuge) {
    spare().give(data_, size);
  } else {
    std::free(data_);
  }
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

void limit_memory(int64_t bytes) {
  limit() = bytes;
}

int64_t memory_left() {
  return limit() == 0 ? INT64_MAX : std::max<int64_t>(0, limit() - count().now);
}

Held held() {
  return {count().now.load(), count().peak.load()};
}

}  // namespace temper::tensor
