// What a run leaves behind in its folder, as plain files:
//
//   config.yaml      the resolved options                        written whole
//   summary.json     what came out                               written whole
//   metrics.jsonl    one object a logged step                    appended
//   rollouts.jsonl   one object a sample: reward, parts, reasons appended
//   rejected.jsonl   rows that could not be used, and why        appended
//   events.out.tfevents.1.temper   the metrics for TensorBoard   appended
//
// Appended files are cut back to a checkpoint's offsets on resume, so that no step stands there
// twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::runlog {

/// TensorBoard reads any file with "tfevents" in its name. The name is fixed, so that a resumed run
/// goes on in the same file.
inline constexpr const char* kEventFile = "events.out.tfevents.1.temper";

/// One logged step. Names are TRL's: "loss", "grad_norm", "rewards/count/mean", "eval_loss".
struct Metrics {
  int64_t step = 0;
  double epoch = 0;
  std::vector<std::pair<std::string, double>> values;  ///< in the order they are to stand
};

/// Not safe for use by two threads at once. Every method throws Error when the disk refuses.
class RunLog {
 public:
  /// Makes the folder if need be and opens the appended files at their ends.
  explicit RunLog(const std::string& folder);

  /// One line {"step", "epoch", "time" (epoch seconds), values…} and a TensorBoard event, under the
  /// tags transformers gives them ("eval_loss" is "eval/loss", "loss" is "train/loss"). Flushed.
  void log(const Metrics& metrics);
  /// Text for TensorBoard's text tab (the decoded batch, a sample).
  void text(int64_t step, const std::string& tag, const std::string& markdown);
  void rollout(const Json& row);   ///< flushed by the next log() or flush()
  void rejected(const Json& row);  ///< flushed

  void write_config(const std::string& yaml);
  void write_summary(const Json& summary);

  void flush();
  /// flush(), then waits for the disk: before a checkpoint that records offsets().
  void sync();
  /// {"metrics.jsonl": bytes, …} for state.json.
  Json offsets() const;
  /// Cuts each file to its offset. Throws when a file is shorter than that or not named.
  void truncate_to(const Json& offsets);

  const std::string& folder() const { return folder_; }

 private:
  struct Appended {
    std::string name;
    file::AppendFile file;
  };
  enum { kMetrics, kRollouts, kRejected, kEvents };
  void begin_events();  // the record every event file opens with
  std::string folder_;
  std::vector<Appended> files_;
};

}  // namespace temper::runlog
