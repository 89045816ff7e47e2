// A progress line for long work. On a terminal it is redrawn in place:
//
//   grpo       ███████░░░░░ 23/40   reward 0.86 → 1.31  entropy 0.21   2:10, 1:36 left
//
// elsewhere a line stands at each tenth of the way (at each update when the total is unknown).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace temper::runlog {

/// What may be printed; decided once, at the start of the program, and passed in.
struct Terminal {
  bool tty = false;    ///< standard output is a terminal
  bool color = false;  ///< escape sequences for colour are welcome (NO_COLOR is unset)
  bool quiet = false;  ///< print results only
  int width = 100;     ///< cells
};

/// Looks at standard output and at NO_COLOR, TERM and COLUMNS: the one place that reads them.
Terminal detect(bool quiet);

/// Writes to standard output, flushed. Where its reader is gone (`temper … | head`) nothing is
/// written, and nothing is wrong: a run goes on. Throws Error when it cannot be written otherwise.
void print(std::string_view text);
/// False once a write to standard output has failed.
bool has_reader();

/// `text` in bold, dim, red, … when colour is on.
enum class Color { Bold, Dim, Red, Green, Yellow, Blue };
std::string paint(const Terminal& terminal, Color color, const std::string& text);

class Progress {
 public:
  using Sink = std::function<void(std::string_view)>;
  /// `total` 0 when unknown: then no bar and no time left.
  Progress(const Terminal& terminal, std::string label, int64_t total, Sink sink = print);

  /// The step a resumed run starts from; the time left counts from there.
  void resume_at(int64_t step) { first_ = step; }
  /// `figures` are ready to print ("loss 0.04", "1,180 tok/s"). Redrawn at most ten times a second.
  void update(int64_t step, const std::vector<std::string>& figures);
  /// Prints whole lines above the bar, at once; nothing when quiet.
  void say(std::string_view text);
  /// The last line, which stays, with the time taken. Once; update() after it is a mistake.
  void finish(const std::vector<std::string>& figures);
  /// Ends the line where it is (Ctrl-C, an error), so that what follows starts a new one.
  void abandon();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  std::string line(const std::vector<std::string>& figures, bool final_line) const;

  Terminal terminal_;
  std::string label_;
  int64_t total_;
  Sink sink_;
  double begun_, drawn_ = -1;
  int64_t step_ = 0, first_ = 0, tenth_ = 0;
  std::string shown_;  // what stands on the terminal's last line now
  bool finished_ = false;
};

}  // namespace temper::runlog
