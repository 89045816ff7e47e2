#include "temper/app/explain/render.h"

#include <gtest/gtest.h>

#include "temper/app/explain/inline.h"
#include "temper/app/explain/table.h"

namespace temper::explain {
namespace {

runlog::Terminal pipe_of(int width) {
  return {.width = width};
}
runlog::Terminal screen(int width) {
  return {.tty = true, .color = true, .width = width};
}

struct Case {
  const char* what;
  int width;
  const char* markdown;
  const char* text;
};

TEST(Render, PlainText) {
  const Case cases[] = {
      {"headings are underlined", 40, "# a: b\n\nText.\n\n## c\n\n### d\n",
       "a: b\n====\n\nText.\n\nc\n-\n\nd\n"},
      {"lines of a paragraph are joined and wrapped", 20, "one two\nthree four five six",
       "one two three four\nfive six\n"},
      {"marks go, names stay", 60, "**bold** and *stress*, `--flag`, [page](x.md), a\\|b",
       "bold and stress, --flag, page, a|b\n"},
      {"a command keeps its marks", 60, "say `temper sft x` or `dpo`",
       "say `temper sft x` or dpo\n"},
      {"an address on the web stays", 60, "[TRL](https://x.y/z)", "TRL (https://x.y/z)\n"},
      {"a bracket that is no link stays", 60, "[P, G] and [a](b)", "[P, G] and a\n"},
      {"a star in a formula stays", 60, "π* is 2 * 3", "π* is 2 * 3\n"},
      {"wide characters may be parted", 20, "日本語日本語日本語日本語",
       "日本語日本語日本語日\n本語\n"},
      {"a wide character counts two cells", 21, "abcdefghijklmnopqrst 日本",
       "abcdefghijklmnopqrst\n日本\n"},
      {"a word longer than the line is cut", 20, "0123456789012345678901234 x",
       "01234567890123456789\n01234 x\n"},
      {"items hang", 20, "- one two three four five\n- six\n",
       "- one two three four\n  five\n- six\n"},
      {"an item's next line belongs to it", 40, "1. one\n   two\n2. three",
       "1. one two\n2. three\n"},
      {"code keeps its lines", 20, "Text:\n\n    a = b          # long enough\n\n    c\n\nend",
       "Text:\n\n    a = b          # long enough\n\n    c\n\nend\n"},
      {"a fence is code, the mark of a number goes", 20,
       "```\nassert: x = 1   one\n# no heading\n```\n", "    x = 1   one\n    # no heading\n"},
      {"columns stand in line", 60, "| a | bb |\n|---|--:|\n| long | 1 |\n| `x\\|y` | 22 |\n",
       "a     bb\n────  ──\nlong   1\nx|y   22\n"},
      {"wide characters keep columns in line", 60,
       "| 名 | n |\n|---|---|\n| 日本 | 1 |\n| x | 2 |\n", "名    n\n────  ─\n日本  1\nx     2\n"},
      {"a table is made to fit", 24, "| a | b |\n|---|---|\n| x | one two three four five six |\n",
       "a  b\n─  ─────────────────────\nx  one two three four\n   five six\n"},
      {"words stay whole while another column can give way", 30,
       "| a | b |\n|---|---|\n| completions/mean | one two three four |\n",
       "a                 b\n────────────────  ────────────\ncompletions/mean  one two\n"
       "                  three four\n"},
      {"an empty last cell leaves no space behind", 40, "| a | b |\n|---|---|\n| x | |\n",
       "a  b\n─  ─\nx\n"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(rendered(each.markdown, pipe_of(each.width)), each.text) << each.what;
  }
}

TEST(Render, WithColourHeadingsAndNamesArePainted) {
  EXPECT_EQ(rendered("# a\n\n**b c** and `d`", screen(40)),
            "\x1b[1ma\x1b[0m\n\n\x1b[1mb c\x1b[0m and \x1b[32md\x1b[0m\n");
}

TEST(Render, PaintDoesNotCountAsWidth) {
  const std::string text = rendered("| a | b |\n|---|---|\n| `x` | 1 |\n| yy | 2 |\n", screen(40));
  EXPECT_NE(text.find("\x1b[32mx\x1b[0m   1\n"), std::string::npos) << text;
}

TEST(Render, NoLineIsWiderThanTheTerminal) {
  const std::string long_text =
      "# title\n\nSome **bold text** with `names_that_are_long` and 日本語 in it, again and "
      "again.\n\n"
      "- an item with `code` that goes on for more than a line of this terminal\n\n"
      "| `loss_type` | a pair's loss |\n|---|---|\n| `sigmoid` | one long formula, with commas |\n";
  for (int width = 20; width < 90; width += 7) {
    for (const std::string& line : lines_of(rendered(long_text, pipe_of(width)))) {
      EXPECT_LE(inline_width(line), width) << line;
    }
  }
}

TEST(Render, HostileTextEnds) {
  for (const char* text :
       {"", "\n\n", "|", "|\n|", "|\n|-|\n", "```", "**", "[", "[](", "- ", "#", "# ", "\xff\xfe",
        "| a |\n|---|\n| b | c | d |\n", "    \n", "`", "*a", "\\"}) {
    rendered(text, pipe_of(1));
  }
  SUCCEED();
}

}  // namespace
}  // namespace temper::explain
