#include <gtest/gtest.h>

#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/regex.h"
#include "temper/foundation/text/tag.h"
#include "temper/foundation/text/utf8.h"

namespace temper::text {

TEST(Nearest, CountsEditsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("bata", "beta"), 1);
  EXPECT_EQ(edit_distance("ebta", "beta"), 1);
}

TEST(Nearest, NamesTheNearestThree) {
  std::vector<std::string> all = {"beta", "bias", "epsilon", "epsilon_high", "seed", "data"};
  EXPECT_EQ(nearest("bata", all), (std::vector<std::string>{"beta", "data"}));
  EXPECT_EQ(nearest("epsilon_hihg", all)[0], "epsilon_high");
  EXPECT_EQ(nearest("high", all), (std::vector<std::string>{"epsilon_high"}));
  EXPECT_EQ(did_you_mean("sede", all), "did you mean 'seed'?");
  EXPECT_EQ(did_you_mean("zzzzzz", all), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), all).size(), 0u);
}

TEST(Regex, MatchesAPartOrTheWholeAndGivesUp) {
  const Regex part("b+", "here", {}), whole("b+", "here", {.whole = true});
  EXPECT_EQ(part.match("abba"), Regex::Found::Yes);
  EXPECT_EQ(whole.match("abba"), Regex::Found::No);
  EXPECT_EQ(whole.match("bb"), Regex::Found::Yes);
  EXPECT_EQ(part.match("\xFF"), Regex::Found::No);
  EXPECT_EQ(Regex("(x+x+)+[yz]", "here", {.match_limit = 1000}).match(std::string(60, 'x')),
            Regex::Found::GaveUp);
  try {
    const Regex broken("a(b", "here", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().where, "here");
    EXPECT_NE(error.parts().what.find("'a(b'"), std::string::npos);
  }
}

TEST(Utf8, RefusesWhatRfc3629Refuses) {
  for (const char* good : {"", "a", "ü", "✓", "😀", "\uD7FF", "\uE000", "\U0010FFFF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x9C"}) {
    EXPECT_FALSE(is_utf8(bad));
    EXPECT_EQ(first_invalid_utf8(std::string("ok") + bad), 2u);
  }
}

TEST(Utf8, EveryScalarValueSurvivesEncoding) {
  for (char32_t c = 1; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 37) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    CodePoint back = decode_utf8(text, 0);
    ASSERT_TRUE(back.valid && back.value == c && back.bytes == int(text.size())) << uint32_t(c);
  }
  EXPECT_EQ(to_utf8(code_points("Grüße ✓😀")), "Grüße ✓😀");
  EXPECT_EQ(count_code_points("Grüße ✓😀"), 8u);
}

TEST(Utf8, HoldsBackOnlyWhatCanStillBeCompleted) {
  EXPECT_EQ(complete_utf8("ab\xE2\x9C"), 2u);
  EXPECT_EQ(complete_utf8("ab\xF0\x9F\x98"), 2u);
  EXPECT_EQ(complete_utf8("ab✓"), 5u);
  EXPECT_EQ(complete_utf8("ab\xFF"), 3u);
  EXPECT_EQ(complete_utf8("ab\xE2\x28"), 4u);
  EXPECT_EQ(complete_utf8("\x9C\x9C\x9C\x9C"), 4u);
  EXPECT_EQ(complete_utf8(""), 0u);
}

TEST(Utf8, RepairsAsPythonDoes) {  // bytes.decode(errors="replace")
  EXPECT_EQ(repair_utf8("a\xE2\x9Cz"), "a\uFFFDz");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(repair_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(repair_utf8("ok ✓"), "ok ✓");
}

TEST(Utf8, MeasuresCells) {
  EXPECT_EQ(width("abc█"), 4);
  EXPECT_EQ(width("日本"), 4);
  EXPECT_EQ(width("e\u0301"), 1);
  EXPECT_EQ(elide("abcdef", 4), "abc…");
  EXPECT_EQ(elide("日本語", 4), "日…");
  EXPECT_EQ(elide("abc", 3), "abc");
  EXPECT_EQ(wrap("one two  three", 7, "  "), "one two\n  three");
}

TEST(Number, BytesHaveUnitsOfAThousandOr1024) {
  EXPECT_EQ(parse_bytes("8GB"), 8'000'000'000);
  EXPECT_EQ(parse_bytes("1.5 GiB"), 1'610'612'736);
  EXPECT_EQ(parse_bytes("512MB"), 512'000'000);
  EXPECT_EQ(parse_bytes("3kB"), 3000);
  EXPECT_EQ(parse_bytes("4096"), 4096);
  EXPECT_EQ(parse_bytes("4096B"), 4096);
  for (const char* wrong : {"", "GB", "8G", "8 iB", "0MB", "-1GB", "much", "1e30GB", "8gb"}) {
    EXPECT_FALSE(parse_bytes(wrong)) << wrong;
  }
}

TEST(Number, ParsesWholeTextsOnly) {
  EXPECT_EQ(parse_double("1e-5"), 1e-5);
  EXPECT_EQ(parse_double("+.5"), 0.5);
  EXPECT_EQ(parse_double("-.inf"), -HUGE_VAL);
  EXPECT_EQ(parse_int("-42"), -42);
  for (const char* bad : {"", "+", "+-1", "1x", " 1", "1 ", "nan", "0x10", "1e999", "1,000"}) {
    EXPECT_FALSE(parse_double(bad)) << bad;
    EXPECT_FALSE(parse_int(bad)) << bad;
  }
  EXPECT_FALSE(parse_int("1.0"));
  EXPECT_FALSE(parse_int("9223372036854775808"));
}

TEST(Number, PrintsTheShortestFormThatReadsBack) {
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1), "1.0");
  EXPECT_EQ(shortest(1e-5), "1.0e-05");
  EXPECT_EQ(shortest(-2.5e300), "-2.5e+300");
  for (double value : {0.1 + 0.2, 1e22, 5e-324, -0.0, 3e-4, 123456789.125}) {
    EXPECT_EQ(parse_double(shortest(value)), value);
  }
}

TEST(Number, PrintsForPeople) {
  EXPECT_EQ(grouped(int64_t{0}), "0");
  EXPECT_EQ(grouped(int64_t{-123}), "-123");
  EXPECT_EQ(grouped(int64_t{-1234567}), "-1,234,567");
  EXPECT_EQ(grouped(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(grouped(98304.256, 1), "98,304.3");
  EXPECT_EQ(grouped(-999.5, 1), "-999.5");
  EXPECT_EQ(fixed(0.5, 2), "0.50");
  EXPECT_EQ(bytes(2.6e9), "2.6 GB");
  EXPECT_EQ(bytes(512), "512 B");
  EXPECT_EQ(bytes(135e6), "135 MB");
  EXPECT_EQ(duration(31.4), "0:31");
  EXPECT_EQ(duration(3725), "1:02:05");
}

TEST(Number, FindsNumbersInProse) {
  struct Case {
    const char* text;
    std::vector<double> found;
  };
  for (const Case& c : std::vector<Case>{{"The answer is 1,234.5.", {1234.5}},
                                         {"3-4", {3, 4}},
                                         {"from -3 to \u22124", {-3, -4}},
                                         {"1,2,3", {1, 2, 3}},
                                         {"1234,567", {1234, 567}},
                                         {"12,345,678", {12345678}},
                                         {"1,2345", {1, 2345}},
                                         {"0,123", {0, 123}},
                                         {"costs $1,000 or -$5, 7%", {1000, -5, 7}},
                                         {"x2 and 3rd", {2, 3}},
                                         {"1e-5, 2e3; 2eggs", {1e-5, 2000, 2}},
                                         {".5 1.5.6", {0.5, 1.5, 6}},
                                         {"- 4", {4}},
                                         {"f(2)-3", {2, 3}},
                                         {"none", {}},
                                         {"1e99999", {}}}) {
    EXPECT_EQ(numbers(c.text), c.found) << c.text;
  }
  EXPECT_EQ(last_number("12 + 30 = 42."), 42);
  EXPECT_FALSE(last_number("forty-two"));
}

TEST(Tag, PairsAnOpeningTagWithTheFirstClosingOne) {
  EXPECT_EQ(first_tag("a <x> 1 </x> <x>2</x>", "x"), "1");
  EXPECT_EQ(last_tag("a <x> 1 </x> <x>\n2\n</x> <x>3", "x"), "2");
  EXPECT_EQ(all_tags("<x>1</x><y>0</y><x></x>", "x"), (std::vector<std::string>{"1", ""}));
  EXPECT_EQ(first_tag("<x>a<x>b</x></x>", "x"), "a<x>b");
  EXPECT_FALSE(first_tag("<x>1", "x"));
  EXPECT_FALSE(first_tag("</x>1<x>", "x"));
  EXPECT_FALSE(last_tag("<X>1</X>", "x"));
  EXPECT_EQ(count_of("[PII] and [PII]", "[PII]"), 2);
  EXPECT_EQ(count_of("aaaa", "aa"), 2);
}

}  // namespace temper::text
