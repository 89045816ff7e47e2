#include "temper/foundation/runlog/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/utf8.h"

namespace temper::runlog {
namespace {

constexpr int kCells = 12;
constexpr int kLabel = 11;
constexpr double kRedraw_s = 0.1;

std::string bar(int64_t step, int64_t total) {
  auto filled = static_cast<int>(std::clamp<int64_t>(step * kCells / total, 0, kCells));
  std::string cells;
  for (int i = 0; i < kCells; ++i) cells += i < filled ? "█" : "░";
  return cells;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Terminal detect(bool quiet) {
  Terminal terminal;
  terminal.quiet = quiet;
  std::string kind = environment("TERM");
  terminal.tty = isatty(STDOUT_FILENO) == 1 && !kind.empty() && kind != "dumb";
  terminal.color = terminal.tty && environment("NO_COLOR").empty();
  winsize size{};
  if (auto columns = text::parse_int(environment("COLUMNS"));
      columns && *columns > 0 && *columns < 10000) {
    terminal.width = int(*columns);
  } else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  }
  return terminal;
}

bool has_reader() {
  return std::ferror(stdout) == 0;
}

void print(std::string_view text) {
  if (!has_reader()) return;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    if (errno == EPIPE) return;
    throw Error({"standard output cannot be written", "", "is its disk full?"});
  }
}

std::string paint(const Terminal& terminal, Color color, const std::string& text) {
  if (!terminal.color) return text;
  static constexpr const char* kCodes[] = {"1", "2", "31", "32", "33", "34"};
  return std::string("\x1b[") + kCodes[static_cast<int>(color)] + "m" + text + "\x1b[0m";
}

Progress::Progress(const Terminal& terminal, std::string label, int64_t total, Sink sink)
    : terminal_(terminal),
      label_(std::move(label)),
      total_(total),
      sink_(std::move(sink)),
      begun_(clock::seconds()) {}

std::string Progress::line(const std::vector<std::string>& figures, bool final_line) const {
  std::string text = label_;
  text.append(size_t(std::max(1, kLabel - text::width(label_))), ' ');
  if (total_ > 0) {
    text += bar(step_, total_) + " " + std::to_string(step_) + "/" + std::to_string(total_);
  } else {
    text += std::to_string(step_);
  }
  for (const std::string& figure : figures) text += "  " + figure;
  double elapsed = clock::seconds() - begun_;
  text += "  " + text::duration(elapsed);
  int64_t done = step_ - first_;
  if (!final_line && total_ > 0 && done > 0) {
    text += ", " + text::duration(elapsed / double(done) * double(total_ - step_)) + " left";
  }
  return text;
}

void Progress::update(int64_t step, const std::vector<std::string>& figures) {
  ASSERT(!finished_, "no update after finish");
  step_ = step;
  if (terminal_.quiet) return;
  if (!terminal_.tty) {
    int64_t tenth = total_ > 0 ? step * 10 / total_ : step;
    bool last = total_ > 0 && step >= total_;  // finish() prints this one
    if (tenth == tenth_ || last) return;
    tenth_ = tenth;
    sink_(line(figures, false) + "\n");
    return;
  }
  double now = clock::seconds();
  if (drawn_ >= 0 && now - drawn_ < kRedraw_s) return;
  drawn_ = now;
  shown_ = text::elide(line(figures, false), terminal_.width - 1);
  sink_("\r\x1b[2K" + shown_);
}

void Progress::say(std::string_view text) {
  if (terminal_.quiet) return;
  std::string whole(text);
  if (!whole.ends_with('\n')) whole += '\n';
  sink_(shown_.empty() ? whole : "\r\x1b[2K" + whole + shown_);
}

void Progress::finish(const std::vector<std::string>& figures) {
  ASSERT(!finished_, "finish once");
  finished_ = true;
  if (terminal_.quiet) return;
  sink_((shown_.empty() ? "" : "\r\x1b[2K") + line(figures, true) + "\n");
  shown_.clear();
}

void Progress::abandon() {
  if (!shown_.empty()) sink_("\n");
  shown_.clear();
}

Progress::~Progress() {
  try {
    abandon();
  } catch (const Error&) {
    // A destructor may not throw; whoever prints next meets the same fault.
  }
}

}  // namespace temper::runlog
