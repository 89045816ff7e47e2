#include "temper/engine/optim/schedule.h"

#include <gtest/gtest.h>

#include "temper/foundation/error/error.h"

namespace temper::optim {

// transformers.get_scheduler(name, optimizer, 2, 10) at peak 1, steps 0, 1, 2, 6 and 9
TEST(Schedule, IsTransformers) {
  auto at = [](const char* kind, int64_t step) {
    return learning_rate({.kind = kind, .peak = 1, .warmup_steps = 2, .total_steps = 10}, step);
  };
  EXPECT_DOUBLE_EQ(at("linear", 0), 0);
  EXPECT_DOUBLE_EQ(at("linear", 1), 0.5);
  EXPECT_DOUBLE_EQ(at("linear", 2), 1);
  EXPECT_DOUBLE_EQ(at("linear", 6), 0.5);
  EXPECT_DOUBLE_EQ(at("linear", 9), 0.125);
  EXPECT_NEAR(at("cosine", 6), 0.5, 1e-15);
  EXPECT_NEAR(at("cosine", 9), 0.03806023374435663, 1e-15);
  EXPECT_DOUBLE_EQ(at("constant", 0), 1);
  EXPECT_DOUBLE_EQ(at("constant_with_warmup", 1), 0.5);
  EXPECT_THROW(at("polynomail", 3), Error);
}

}  // namespace temper::optim
