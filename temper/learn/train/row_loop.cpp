#include "temper/learn/train/row_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::train {

void require_rows(const RowCounts& counts, const std::vector<data::Rejected>& rejected) {
  if (counts.train > 0) return;
  const std::string why = rejected.empty() ? "" : "; the first: " + rejected[0].reason;
  throw Error({"none of the " + counts.name + " is left to train on" + why, "the training split",
               "look at the rows: temper data show"});
}

void print_rows(const Run& run, const RowOrder& order, const RowCounts& counts,
                const std::vector<data::Rejected>& rejected,
                const std::vector<std::string>& notes) {
  if (run.brief()) return;
  for (const std::string& note : notes) runlog::print("note: " + note + "\n");
  runlog::print(fmt::format("{:<10} {} to train on, {} held out, {} left out, {} cut\n",
                            counts.name, counts.train, counts.test, rejected.size(),
                            counts.truncated));
  runlog::print(fmt::format("batches    {} {} an update → {} updates ({} an epoch)\n",
                            order.batch_rows(), counts.name, order.steps(),
                            order.steps_an_epoch()));
}

void log_rows(Run& run, const RowOrder& order, const std::vector<data::Rejected>& rejected,
              const std::string& name, const std::function<std::string(size_t row)>& shown) {
  if (run.state().step > 0) return;  // a run stopped before its first checkpoint begins again
  for (const data::Rejected& row : rejected) {
    run.log().rejected({{"where", row.where}, {"reason", row.reason}});
  }
  run.log().text(0, name, shown(0));
  std::string text;
  const auto count = static_cast<size_t>(std::min(order.rows(), order.batch_rows()));
  for (size_t row = 0; row < count; ++row) text += shown(row) + "\n----\n";
  file::write_atomically(run.options().output_dir + "/decoded_batch.txt", text);
}

namespace {

void log_evaluation(Run& run, const RowLoop& loop, double epochs) {
  const std::optional<RowEvaluation> found = loop.evaluate();
  if (!found) return;
  if (run.options().eval_steps > 0) run.judge(found->figure, found->higher_is_better);
  Figures figures = {{"eval_" + found->name, found->figure}};
  for (const auto& [name, value] : found->figures) figures.push_back({"eval_" + name, value});
  run.log_metrics(figures, epochs);
}

}  // namespace

Result run_rows(Run& run, const RowOrder& order, const RowLoop& loop, const Json& rows) {
  const int64_t eval_steps = run.options().eval_steps;
  State& state = run.state();
  auto losses = [&] {
    return fmt::format("loss {:.{}f} → {:.{}f}", state.first_loss, loop.digits, state.last_loss,
                       loop.digits);
  };
  runlog::Progress progress(run.terminal(), loop.name, order.steps());
  progress.update(state.step, {});
  while (!run.done()) {
    const double begun = clock::seconds();
    const RowStep step = loop.step(order.of_step(state.step));
    const Run::Update update = run.update(step.loss);
    state.tokens += step.tokens;
    if (state.step == 0) state.first_loss = step.loss;
    state.last_loss = step.loss;
    const double seconds = clock::seconds() - begun;
    const double rate = static_cast<double>(step.tokens) / seconds;
    Figures figures = {{"loss", step.loss},
                       {"grad_norm", update.grad_norm},
                       {"learning_rate", update.learning_rate}};
    figures.insert(figures.end(), step.figures.begin(), step.figures.end());
    figures.insert(figures.end(), {{"num_tokens", static_cast<double>(state.tokens)},
                                   {"tokens_per_second", rate},
                                   {"step_time", seconds}});
    const double epochs = order.epochs(state.step + 1);
    run.advance(figures, epochs);
    if (loop.updated) loop.updated();
    std::vector<std::string> shown = {losses()};
    shown.insert(shown.end(), step.shown.begin(), step.shown.end());
    shown.push_back(fmt::format("{:.0f} tok/s", rate));
    progress.update(state.step, shown);
    if (run.done() || (eval_steps > 0 && state.step % eval_steps == 0)) {
      log_evaluation(run, loop, epochs);
    }
    if (!run.checkpoint()) {
      progress.abandon();
      return run.interrupted();
    }
  }
  progress.finish({losses()});
  Json summary = {{"loss", {{"first", state.first_loss}, {"last", state.last_loss}}},
                  {"rows", rows}};
  if (loop.summary) summary.update(loop.summary());
  return run.finish(summary);
}

}  // namespace temper::train
