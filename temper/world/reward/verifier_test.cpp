// The conformance suite of verifiers: every member answers its table of cases, and never throws on
// an answer. A case is a line of JSON in <member>.cases:
//   {"options", "answer", "reference", "info", "score", "outcome"}
// `completion` is the answer unless given; "repeat" makes the answer that many times as long;
// "parsed": false says that no answer was found; lines that begin with # are comments.
#include "temper/world/reward/verifier.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::reward {
namespace {

const std::string kFolder = SOURCE_DIR "/temper/world/reward/verifier/";

struct Case {
  Json line;
  std::string where;
};

std::vector<Case> cases_of(const std::string& member) {
  std::string path = kFolder + member + ".cases", line;
  std::ifstream file(path);
  std::vector<Case> cases;
  for (int number = 1; std::getline(file, line); ++number) {
    std::string where = path + ":" + std::to_string(number);
    if (!line.empty() && line[0] != '#') cases.push_back({text::parse_json(line, where), where});
  }
  return cases;
}

Attempt attempt_of(const Json& line) {
  std::string answer;
  for (int i = line.value("repeat", 1); i > 0; --i) answer += line.value("answer", "");
  return {.answer = answer,
          .completion = line.value("completion", answer),
          .reference = line.value("reference", ""),
          .info = line.contains("info") ? std::make_shared<const Json>(line["info"]) : nullptr,
          .row = "row 1",
          .parsed = line.value("parsed", true)};
}

TEST(Verifiers, EveryCaseHolds) {
  for (const NamedVerifier& member : verifier_catalogue()) {
    std::vector<Case> cases = cases_of(std::string(member.name));
    EXPECT_GE(cases.size(), 12u) << member.name;
    for (const Case& each : cases) {
      SCOPED_TRACE(each.where);
      const Json& line = each.line;
      Judge judge = make_judge(std::string(member.name), line.value("options", Json()), each.where);
      Score score = judge(attempt_of(line));
      EXPECT_EQ(name(score.outcome), line.value("outcome", "scored")) << score.reason;
      EXPECT_FALSE(score.reason.empty());
      if (score.outcome == Outcome::Scored) {
        EXPECT_DOUBLE_EQ(score.value, line.at("score").get<double>()) << score.reason;
        EXPECT_GE(score.value, member.member->lowest);
        EXPECT_LE(score.value, member.member->highest);
      }
    }
  }
}

TEST(Verifiers, NoAnswerMakesOneThrow) {
  std::vector<std::string> hostile = {"",
                                      std::string(1, '\0'),
                                      std::string(100000, 'a'),
                                      std::string(100000, '<'),
                                      "\xff\xfe\xc0\xaf",
                                      "\xed\xa0\x80",
                                      std::string(50000, '9'),
                                      "1e999999",
                                      "-1e-999999",
                                      "\xe2\x80\xae reversed",
                                      "<masked_output></masked_output><masked_output>",
                                      "#### ####",
                                      std::string(30000, '(') + "[PII]",
                                      "nan inf -inf",
                                      "\r\n\r\n\t",
                                      "\xf0\x9f\x98\x80\xf0\x9f"};
  for (const NamedVerifier& member : verifier_catalogue()) {
    SCOPED_TRACE(member.name);
    Json options = Json::object();
    if (member.name == "xml_format") options = {{"fields", Json::array({"masked_output"})}};
    if (member.name == "count") options = {{"literal", "[PII]"}};
    if (member.name == "regex") options = {{"pattern", "^(\\w+\\s?)*$"}};
    Verifier verifier = *member.member;
    auto verify = verifier.make(options, "test");
    for (const std::string& text : hostile) {
      for (const char* reference : {"42", "#### 42"}) {
        Attempt attempt{.answer = text,
                        .completion = text,
                        .reference = reference,
                        .info = nullptr,
                        .row = "row 1",
                        .parsed = true};
        EXPECT_NO_THROW({
          Score score = verify(attempt);
          EXPECT_TRUE(score.value >= verifier.lowest && score.value <= verifier.highest);
        });
      }
    }
  }
}

TEST(Verifiers, UnknownNamesAndOptionsAreErrorsWithSuggestions) {
  try {
    make_judge("exat", Json(), "env.yaml:7");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what.rfind("verifier 'exat' is not one of: ", 0), 0u);
    EXPECT_EQ(error.parts().where, "env.yaml:7");
    EXPECT_NE(error.parts().try_.find("'exact'"), std::string::npos);
  }
  try {
    make_judge("exact", {{"case_insensitiv", true}}, "env.yaml:8");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.parts().what.find("case_insensitiv"), std::string::npos);
    EXPECT_EQ(error.parts().where, "env.yaml:8");
    EXPECT_NE(error.parts().try_.find("case_insensitive"), std::string::npos);
  }
  EXPECT_THROW(make_judge("number", {{"tolerance", -1}}, ""), Error);
  EXPECT_THROW(make_judge("number", {{"tolerance", "much"}}, ""), Error);
  EXPECT_THROW(make_judge("exact", Json::array({1}), ""), Error);
  EXPECT_THROW(make_judge("xml_format", Json(), ""), Error);
  EXPECT_THROW(make_judge("xml_format", {{"fields", Json::array()}}, ""), Error);
  EXPECT_THROW(make_judge("xml_format", {{"fields", Json::array({"a||b"})}}, ""), Error);
  EXPECT_THROW(make_judge("count", Json(), ""), Error);
  EXPECT_THROW(make_judge("regex", {{"pattern", "("}}, ""), Error);
}

TEST(Verifiers, EachSaysWhatItIsAndWhichOptionsItTakes) {
  ASSERT_GE(verifier_catalogue().size(), 5u);
  for (const NamedVerifier& member : verifier_catalogue()) {
    EXPECT_FALSE(member.member->summary.empty());
    EXPECT_TRUE(member.member->schema().contains("properties")) << member.name;
    std::string page = SOURCE_DIR "/docs/verifiers/" + std::string(member.name) + ".md";
    EXPECT_TRUE(std::filesystem::exists(page)) << page;
  }
}

}  // namespace
}  // namespace temper::reward
