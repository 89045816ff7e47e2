#include "temper/foundation/clock/clock.h"

#include <gtest/gtest.h>

namespace temper::clock {

TEST(Clock, NeverRunsBackwards) {
  double before = seconds();
  EXPECT_GE(seconds(), before);
  EXPECT_GT(epoch_seconds(), 1.7e9);
}

TEST(Clock, PrintsIsoTimes) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(iso_time(951827696.9), "2000-02-29T12:34:56Z");
  EXPECT_EQ(iso_date(951827696), "2000-02-29");
}

TEST(Clock, FormatsAsStrftime) {
  EXPECT_EQ(format_time("%Y", 951827696), "2000");
  EXPECT_EQ(format_time("", 0), "");
  EXPECT_EQ(format_time(std::string(500, 'x'), 0), std::string(500, 'x'));
}

}  // namespace temper::clock
