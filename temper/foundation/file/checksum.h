// CRC-32C (Castagnoli, RFC 3720 appendix B.4), which TensorBoard's records and checkpoints use, and
// SHA-256 (FIPS 180-4), which names files.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace temper::file {

/// CRC-32C of `bytes`, continued from `previous` (the value of what came before; 0 at the start).
uint32_t crc32c(std::string_view bytes, uint32_t previous = 0);

/// SHA-256 of what is passed to add(), in any pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// 64 lower-case hexadecimal digits; call it once, last.
  std::string hex();

 private:
  void block(const unsigned char* bytes);
  std::array<uint32_t, 8> state_;
  std::array<unsigned char, 64> held_;
  uint64_t length_ = 0;  // bytes added
};

/// SHA-256 of `bytes`, as 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

/// SHA-256 of a file's bytes.
std::string sha256_of_file(const std::string& path);

}  // namespace temper::file
