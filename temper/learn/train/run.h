// What every training run shares: its folder (resumed or refused, never overwritten), model,
// optimizer, log, checkpoints on time, the best model, Ctrl-C, and the summary.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "temper/engine/optim/schedule.h"
#include "temper/engine/sample/load.h"
#include "temper/foundation/random/random.h"
#include "temper/foundation/runlog/progress.h"
#include "temper/foundation/runlog/runlog.h"
#include "temper/learn/train/forecast.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/state.h"

namespace temper::train {

/// Metrics by name, in the order in which they are logged.
using Figures = std::vector<std::pair<std::string, double>>;

/// What the caller gives a run besides its options.
struct Setting {
  runlog::Terminal terminal;
  std::string command;      ///< sft, grpo: the run's name in logs
  std::string config_yaml;  ///< the resolved options
  bool brief = false;       ///< no lines about rows and batches before the progress
  bool plan_only = false;   ///< says what the run would cost, and does not begin
  const std::atomic<bool>* interrupted = nullptr;  ///< set by Ctrl-C
};

struct Result {
  State state;
  bool interrupted = false, only_planned = false;
  weights::HeadKind head = weights::HeadKind::Language;  ///< of the model that was trained
  double flops = 0;
  JsonPtr summary;
};

/// How a run loads a model that it trains.
model::ModelOptions model_options(const CommonOptions& options, weights::HeadKind head);

class Run {
 public:
  /// Opens or resumes `options.output_dir` and loads the model for training, with a fresh score
  /// head where one is wanted and the model has none.
  Run(const CommonOptions& options, const Setting& setting,
      weights::HeadKind head = weights::HeadKind::Language);
  /// A new run that an error ended before it began leaves no files, so that its folder is free for
  /// the next try.
  ~Run();

  const CommonOptions& options() const { return options_; }
  const runlog::Terminal& terminal() const { return setting_.terminal; }
  const std::string& command() const { return setting_.command; }
  bool brief() const { return setting_.brief || setting_.terminal.quiet; }
  model::Model& model() { return *trained_.loaded.model; }
  const token::Tokenizer& tokenizer() const { return trained_.loaded.tokenizer; }
  const std::vector<int32_t>& end_ids() const { return trained_.loaded.end_ids; }
  const std::string& base() const { return trained_.loaded.base; }
  runlog::RunLog& log() { return log_; }
  State& state() { return state_; }
  bool resumed() const { return resumed_; }

  /// Predicts memory and time, refuses what cannot fit, and keeps the prediction for the summary.
  /// Call before begin(). False: the run was only to be planned, and planned() is its result.
  bool foresee(const Forecast& forecast, int64_t total_steps);
  Result planned() const;
  /// Trains a critic with the run's model: it is saved and resumed with it, and left in
  /// output_dir/value_model. Call it before begin().
  void train_critic(sample::Loaded critic, double learning_rate);
  model::Model* critic() { return critic_ ? critic_->loaded.model.get() : nullptr; }

  /// Masters that checkpoints keep beside the model's. Call it before begin(), which fills them
  /// from a resumed run's checkpoint; they must outlive the run.
  void keep(std::span<float> reference) { reference_ = reference; }

  /// Call once the number of steps is known: sets up the schedule and the optimizer, checks the
  /// disk, and restores the checkpoint of a resumed run.
  void begin(int64_t total_steps);
  int64_t total_steps() const { return total_steps_; }
  bool done() const { return state_.step >= total_steps_ || state_.ended_early; }
  double learning_rate() const;

  /// The optimizer's step over the gradients in the store. A loss or gradient that is not finite is
  /// skipped, counted and dumped to skipped.jsonl; too many end the run with an Error.
  struct Update {
    double grad_norm, learning_rate;
    bool skipped;
  };
  Update update(double loss);
  /// The same of the critic's.
  Update update_critic(double loss);
  /// Counts the step, and logs it every logging_steps.
  void advance(const Figures& metrics, double epoch);
  /// Saves when it is time; the last thing of a step, after its evaluation. False: Ctrl-C was
  /// pressed; the run is saved.
  bool checkpoint();
  void log_metrics(const Figures& metrics, double epoch);

  /// Takes an evaluation's figure; keeps the model when it is the best so far; ends the run when
  /// patience is over. `higher_is_better`: a reward, not a loss.
  void judge(double figure, bool higher_is_better);

  void save();
  /// The final model at the root of output_dir, and summary.json with `extra` in it.
  Result finish(const Json& extra);
  Result interrupted();

  double seconds() const;
  /// Of all models so far.
  double flops() const;

 private:
  /// A model, and what moves it.
  struct Trained {
    sample::Loaded loaded;
    std::unique_ptr<optim::AdamW> optimizer{};
    optim::Schedule schedule{};
  };
  void open_folder();
  void refuse_too_large(const model::ModelOptions& wanted) const;
  void print_outcome(const Json& summary) const;
  int64_t disk_bytes() const;
  void check_disk() const;
  void restore();
  void start(Trained& trained, double peak, const random::Stream& dither);
  Update update(Trained& trained, double loss);
  static CheckpointParts parts(const Trained& trained, const std::string& name = "");
  std::vector<CheckpointParts> all_parts() const;

  CommonOptions options_;
  Setting setting_;
  bool made_folder_ = false;  // before resumed_, whose initialiser opens the folder
  bool resumed_ = false;
  Trained trained_;
  std::optional<Trained> critic_;
  double critic_rate_ = 0;
  std::span<float> reference_;
  runlog::RunLog log_;
  State state_;
  std::optional<Foreseen> foreseen_;
  int64_t first_step_ = 0;  ///< of this process
  int64_t total_steps_ = 0;
  double began_, saved_;
  int64_t saved_step_ = 0;
};

/// Describes the machine for summaries: processor features, threads, instruction set.
Json machine_json();

}  // namespace temper::train
