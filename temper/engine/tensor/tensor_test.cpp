#include "temper/engine/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "temper/engine/tensor/buffer.h"
#include "temper/engine/tensor/isa.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::tensor {

TEST(Door, AutogradWorksThroughAtenAlone) {
  at::Tensor logp = at::full({3}, -1.0, at::kDouble).set_requires_grad(true);
  at::Tensor loss = (at::exp(logp) * 2.0).sum();
  loss.backward();
  EXPECT_NEAR(logp.grad()[1].item<double>(), 2 * std::exp(-1.0), 1e-15);
}

TEST(Parallel, EveryPieceRunsOnce) {
  for (int team : {1, 2, 3}) {
    use_threads(team);
    std::vector<int> hits(1001, 0);
    parallel(1001, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
    });
    parallel_pieces(1001, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
    });
    for (int hit : hits) EXPECT_EQ(hit, 2);
  }
  use_threads(2);
}

TEST(Parallel, AnExceptionReachesTheCaller) {
  EXPECT_THROW(parallel(8, [](int64_t, int64_t) { throw std::runtime_error("x"); }),
               std::runtime_error);
}

TEST(Buffer, CountsWhatIsHeld) {
  int64_t before = held().now;
  {
    Buffer buffer(int64_t{5} << 20);
    EXPECT_EQ(held().now - before, int64_t{5} << 20);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (2 << 20), 0u);
  }
  EXPECT_EQ(held().now, before);
}

TEST(Buffer, NothingIsHeldAboveTheLimit) {
  limit_memory(held().now + 1000);
  const Buffer fits(900);
  EXPECT_LE(memory_left(), 100);
  try {
    Buffer large(200);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("memory_limit"), std::string::npos);
  }
  limit_memory(0);
  EXPECT_EQ(memory_left(), INT64_MAX);
  const Buffer large(200);
}

TEST(Buffer, LargeBlocksAreUsedAgainAndNeverPassThePeak) {
  constexpr int64_t kBytes = int64_t{24} << 20;
  const std::byte* first = nullptr;
  {
    Buffer buffer(kBytes), other(kBytes);
    first = buffer.data();
    std::memset(buffer.data(), 1, static_cast<size_t>(kBytes));
  }
#if !defined(__SANITIZE_ADDRESS__)
  Buffer again(kBytes - 100), second(kBytes);  // nearly the same size will do
  EXPECT_TRUE(again.data() == first || second.data() == first);
#endif
  const int64_t peak = held().peak;
  Buffer tall(kBytes * 2);  // the peak rises, and nothing stands in its way
  EXPECT_GE(held().peak, peak);
}

TEST(Isa, ScalarIsAlwaysThere) {
  EXPECT_TRUE(supported(Isa::Scalar));
  EXPECT_TRUE(supported(isa()));
  EXPECT_EQ(bit_class(Isa::Avx2), bit_class(Isa::Scalar));
}

}  // namespace temper::tensor
