#include "temper/world/env/environment.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/tag.h"
#include "temper/world/env/pii/text.h"
#include "temper/world/env/task.h"

namespace temper::env {
namespace {

reward::Verdict answer(const Environment& environment, const Row& row, const std::string& text) {
  auto episode = environment.begin(row);
  episode->step(text);
  EXPECT_TRUE(episode->done());
  EXPECT_EQ(episode->messages().back().content, text);
  return episode->score();
}

TEST(PiiMasking, TwoThousandRowsAreConsistent) {
  auto environment = make_environment("pii_masking", Json::object());
  int64_t words = 0, none = 0;
  for (int64_t i = 0; i < 2000; ++i) {
    Split split = i % 4 == 3 ? Split::HeldOut : Split::Train;
    Row row = environment->row(split, i, 7);
    ASSERT_EQ(row.prompt.size(), 2u);
    const std::string& raw = row.prompt[1].content;
    int count = row.info->at("pii_count");
    EXPECT_EQ(text::count_of(row.answer, "[PII]"), count);
    EXPECT_EQ(text::count_of(raw, "[PII]"), 0);
    EXPECT_EQ(raw.find_first_of("{}|#"), raw.npos) << raw;
    EXPECT_LE(count, 4);
    none += count == 0;
    words += text::count_of(raw, " ") + 1;
    // The pieces between the masks stand in the raw text, in order.
    size_t at = 0, from = 0;
    for (size_t mask; (mask = row.answer.find("[PII]", from)) != std::string::npos;
         from = mask + 5) {
      size_t found = raw.find(row.answer.substr(from, mask - from), at);
      ASSERT_NE(found, raw.npos) << raw;
      at = found + mask - from;
    }
    EXPECT_TRUE(raw.ends_with(row.answer.substr(from)));
    auto right = answer(*environment, row, environment->demonstration(row));
    EXPECT_EQ(right.outcome, reward::Outcome::Scored);
    EXPECT_DOUBLE_EQ(right.reward, 1.6);
    EXPECT_EQ(answer(*environment, row, raw).reward, 0);
    EXPECT_EQ(answer(*environment, row, "I cannot help with that.").reward, 0);
    EXPECT_EQ(answer(*environment, row, "").reward, 0);
  }
  EXPECT_GT(none, 100);
  EXPECT_LT(none, 300);
  EXPECT_GT(words / 2000, 6);
  EXPECT_LT(words / 2000, 40);
}

TEST(PiiMasking, PartsAreNamedExactCountFormat) {
  auto environment = make_environment("pii_masking", Json());
  Row row{.prompt = {}, .answer = "Ask [PII].", .info = nullptr, .where = "test"};
  row.info = std::make_shared<const Json>(Json{{"pii_count", 1}});
  auto verdict = answer(*environment, row, "<masked_output>Ask [PII]!</masked_output>");
  ASSERT_EQ(verdict.parts.size(), 3u);
  EXPECT_EQ(verdict.parts[0].name, "exact");
  EXPECT_EQ(verdict.parts[1].name, "count");
  EXPECT_EQ(verdict.parts[2].name, "format");
  EXPECT_DOUBLE_EQ(verdict.reward, 0.6);
  EXPECT_DOUBLE_EQ(environment->rubric().highest(), 1.6);
  EXPECT_DOUBLE_EQ(environment->rubric().lowest(), 0);
}

std::set<std::string_view> all(std::initializer_list<pii::Words> lists) {
  std::set<std::string_view> words;
  for (pii::Words list : lists) words.insert(list.begin(), list.end());
  return words;
}
std::set<std::string_view> all(const pii::Pool& p) {
  return all({p.openers, p.sentences, p.plain, p.first_names, p.last_names, p.streets, p.cities,
              p.domains, p.companies, p.products, p.phones, p.accounts, p.passports, p.ssns,
              p.cards});
}

TEST(PiiMasking, TrainAndHeldOutShareNoSentenceAndNoEntity) {
  auto train = all(pii::train_pool()), held_out = all(pii::held_out_pool());
  for (std::string_view word : held_out) EXPECT_FALSE(train.contains(word)) << word;
  EXPECT_GE(pii::train_pool().sentences.size() + pii::train_pool().plain.size(), 100u);
  std::set<std::string> seen;
  for (uint32_t i = 0; i < 4000; ++i) {
    random::Sequence random(random::Stream(1, random::Purpose::Task), {.prompt = i});
    for (auto& entity : pii::compose(pii::train_pool(), random).entities) seen.insert(entity);
  }
  for (uint32_t i = 0; i < 4000; ++i) {
    random::Sequence random(random::Stream(2, random::Purpose::Task), {.prompt = i});
    for (auto& entity : pii::compose(pii::held_out_pool(), random).entities)
      EXPECT_FALSE(seen.contains(entity)) << entity;
  }
}

TEST(PiiMasking, NoNameIsAlsoAnotherWord) {
  for (Split split : {Split::Train, Split::HeldOut}) {
    const pii::Pool& p = pii::pool(split);
    std::string prose;
    for (pii::Words list : {p.openers, p.sentences, p.plain, p.companies, p.products, p.cities}) {
      for (std::string_view text : list) prose += " " + std::string(text) + " ";
    }
    for (pii::Words list : {p.first_names, p.last_names}) {
      for (std::string_view name : list) {
        EXPECT_EQ(prose.find(" " + std::string(name) + " "), prose.npos) << name;
      }
    }
  }
}

TEST(PiiMasking, LuhnDigitsAreRight) {
  EXPECT_EQ(pii::luhn_digit("7992739871"), '3');
  EXPECT_EQ(pii::luhn_digit("4539 1488 0343 646"), '7');
}

TEST(MakeEnvironment, UnknownNamesGetSuggestions) {
  try {
    make_environment("pii_maskin", Json());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(error.parts().what.find("'pii_maskin' is not one of: "), std::string::npos);
    EXPECT_NE(error.parts().try_.find("pii_masking"), std::string::npos);
  }
  EXPECT_THROW(make_environment("pii_masking", Json{{"seeds", 3}}), Error);
}

}  // namespace
}  // namespace temper::env
