#include "temper/foundation/error/error.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace temper {

TEST(Error, PrintsItsThreeParts) {
  Error error({"option 'bata' is not one of dpo's", "recipes/dpo.yaml:14", "did you mean 'beta'?"});
  EXPECT_STREQ(error.what(),
               "option 'bata' is not one of dpo's\n"
               "  where: recipes/dpo.yaml:14\n"
               "  try:   did you mean 'beta'?");
}

TEST(Error, LeavesOutEmptyParts) {
  EXPECT_STREQ(Error({"it broke", "", ""}).what(), "it broke");
}

TEST(Error, AtPutsThePlaceInFront) {
  EXPECT_EQ(Error({"x", "key 'a'", ""}).at("file:3").parts().where, "file:3: key 'a'");
}

TEST(Assert, NamesConditionAndPlace) {
  try {
    ASSERT(1 + 1 == 3, "arithmetic");
    FAIL();
  } catch (const std::logic_error& error) {
    EXPECT_NE(std::string(error.what()).find("1 + 1 == 3"), std::string::npos);
  }
}

}  // namespace temper
