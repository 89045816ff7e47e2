#include "temper/foundation/text/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::text {

TEST(Json, KeepsKeyOrderAndUtf8) {
  EXPECT_EQ(to_line(parse_json(R"({"z": 1, "a": "Grüße ✓"})", "x")), R"({"z":1,"a":"Grüße ✓"})");
}

TEST(Json, RefusesWhatIsNotStrict) {
  std::string deep(300, '[');
  for (const std::string& bad : {std::string("{\"a\":1,\"a\":2}"), std::string("[1,]"),
                                 std::string("NaN"), std::string("{} x"), std::string("\"\xff\""),
                                 std::string(""), deep, std::string("{\"a\": 1")}) {
    try {
      parse_json(bad, "rows.jsonl:7");
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.parts().where, "rows.jsonl:7");
    }
  }
}

}  // namespace temper::text
