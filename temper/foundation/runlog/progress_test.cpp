#include "temper/foundation/runlog/progress.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>

#include "temper/foundation/text/utf8.h"

namespace temper::runlog {
namespace {

struct Screen {
  std::string text;
  Progress::Sink sink() {
    return [this](std::string_view part) { text += part; };
  }
};

}  // namespace

TEST(Print, GoesOnWhenItsReaderIsGone) {
  std::signal(SIGPIPE, SIG_IGN);  // as main() has it
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const int kept = ::dup(STDOUT_FILENO);
  std::fflush(stdout);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  print("somebody reads this\n");
  EXPECT_TRUE(has_reader());
  ::close(ends[0]);
  EXPECT_NO_THROW(print("nobody reads this\n"));
  EXPECT_FALSE(has_reader());
  EXPECT_NO_THROW(print("nor this\n"));
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept);
  std::clearerr(stdout);
  EXPECT_TRUE(has_reader());
}

TEST(Progress, PrintsALineATenthWhenNotATerminal) {
  Screen screen;
  Progress progress({}, "sft", 25, screen.sink());
  for (int step = 1; step <= 25; ++step) progress.update(step, {"loss 0.5"});
  progress.say("a sample");
  progress.finish({"loss 2.31 → 0.04", "1,180 tok/s"});
  EXPECT_EQ(std::count(screen.text.begin(), screen.text.end(), '\n'), 11);
  EXPECT_EQ(screen.text.find("sft        █░░░░░░░░░░░ 3/25  loss 0.5  0:00, 0:00 left\n"), 0u)
      << screen.text;
  EXPECT_TRUE(screen.text.ends_with(
      "a sample\nsft        ████████████ 25/25  loss 2.31 → 0.04  1,180 tok/s  0:00\n"))
      << screen.text;
  EXPECT_EQ(screen.text.find('\x1b'), std::string::npos);
}

TEST(Progress, RedrawsInPlaceOnATerminal) {
  Screen screen;
  {
    Progress progress({.tty = true, .width = 40}, "grpo", 40, screen.sink());
    progress.update(1, {"reward 0.86 → 1.31", "entropy 0.21"});
    std::string first = screen.text.substr(5);
    EXPECT_EQ(text::width(first), 39) << first;
    EXPECT_TRUE(first.ends_with("…"));
    progress.update(2, {"x"});  // too soon to be drawn
    EXPECT_EQ(screen.text.substr(5), first);
    progress.say("sample\n");
    EXPECT_TRUE(screen.text.ends_with("\r\x1b[2Ksample\n" + first));
  }
  EXPECT_TRUE(screen.text.ends_with("\n"));  // an abandoned line is ended
}

TEST(Progress, IsSilentWhenQuiet) {
  Screen screen;
  Progress progress({.tty = true, .quiet = true}, "sft", 2, screen.sink());
  progress.update(1, {});
  progress.say("a sample");
  progress.finish({});
  EXPECT_EQ(screen.text, "");
}

TEST(Progress, NeedsNoTotal) {
  Screen screen;
  Progress progress({}, "read", 0, screen.sink());
  progress.update(7, {"rows"});
  progress.finish({});
  EXPECT_EQ(screen.text, "read       7  rows  0:00\nread       7  0:00\n");
}

TEST(Terminal, PaintsOnlyInColor) {
  EXPECT_EQ(paint({}, Color::Red, "x"), "x");
  EXPECT_EQ(paint({.color = true}, Color::Bold, "x"), "\x1b[1mx\x1b[0m");
  EXPECT_TRUE(detect(true).quiet);
  EXPECT_GT(detect(false).width, 0);
}

}  // namespace temper::runlog
