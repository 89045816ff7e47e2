// Memory for weights, caches and activations: 64-byte aligned, on huge pages when large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace temper::tensor {

/// An owned block of bytes, aligned to 64 bytes, or to 2 MB with MADV_HUGEPAGE from 2 MB up; large
/// blocks come from those that other buffers gave back. Its content is not initialised unless
/// `zero()` is called. Throws Error when memory runs out.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t bytes);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  int64_t bytes() const { return bytes_; }
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  void zero();

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

/// A Buffer of floats that grows and keeps its capacity: scratch that a loop reuses.
class Floats {
 public:
  Floats() = default;
  explicit Floats(int64_t count) { resize(count); }
  /// Content is undefined after growth.
  void resize(int64_t count);
  void zero();
  int64_t size() const { return size_; }
  float* data() { return reinterpret_cast<float*>(buffer_.data()); }
  const float* data() const { return reinterpret_cast<const float*>(buffer_.data()); }
  std::span<float> span() { return {data(), static_cast<size_t>(size_)}; }
  std::span<const float> span() const { return {data(), static_cast<size_t>(size_)}; }

 private:
  Buffer buffer_;
  int64_t size_ = 0;
};

/// From here on a Buffer that would make all of them hold more throws Error; 0: no limit.
void limit_memory(int64_t bytes);
/// What limit_memory leaves, INT64_MAX without a limit.
int64_t memory_left();

/// Bytes now held by all Buffers, and the most ever held.
struct Held {
  int64_t now, peak;
};
Held held();

}  // namespace temper::tensor
