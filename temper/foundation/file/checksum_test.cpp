#include "temper/foundation/file/checksum.h"

#include <gtest/gtest.h>

namespace temper::file {

// RFC 3720 appendix B.4; the last is the polynomial's usual check value.
TEST(Crc32c, PublishedVectors) {
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Crc32c, PiecesEqualTheWhole) {
  std::string text(1000, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  for (size_t cut : {0, 1, 7, 8, 500, 1000}) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

// FIPS 180-4's examples (NIST, "SHA256.pdf").
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesEqualTheWhole) {
  for (size_t length : {54, 55, 56, 63, 64, 65, 119, 120, 200}) {
    std::string text(length, 'x');
    Sha256 sum;
    for (size_t at = 0; at < length; at += 7) sum.add(text.substr(at, 7));
    EXPECT_EQ(sum.hex(), sha256(text)) << length;
  }
}

}  // namespace temper::file
