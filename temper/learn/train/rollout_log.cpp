#include "temper/learn/train/rollout_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"

namespace temper::train {
namespace {

/// The first batch as the trainer sees it: trained tokens between ⟦ and ⟧.
void keep_decoded(const Run& run, const Generation& g) {
  const token::Tokenizer& tokenizer = run.tokenizer();
  std::string text;
  for (const evaluate::Rollout& rollout : g.rollouts) {
    text += tokenizer.decode(rollout.prompt) + "⟦" +
            tokenizer.decode(rollout.completions[0].tokens) + "⟧\n----\n";
  }
  file::write_atomically(run.options().output_dir + "/decoded_batch.txt", text);
}

}  // namespace

void log_rollouts(Run& run, const Generation& g, int64_t show_every, runlog::Progress& progress) {
  const int64_t step = run.state().step;
  if (step == 0) keep_decoded(run, g);
  int64_t prompt = 0;
  auto log = [&](const evaluate::Rollout& rollout, auto&& add) {
    for (size_t s = 0; s < rollout.completions.size(); ++s) {
      Json row = evaluate::to_json(rollout, s, {"train", step, prompt});
      add(row);
      run.log().rollout(row);
    }
    ++prompt;
  };
  size_t answer = 0;
  for (const evaluate::Rollout& rollout : g.rollouts)
    log(rollout, [&](Json& row) { row["advantage"] = g.credit.answer[answer++]; });
  for (const evaluate::Rollout& rollout : g.filtered)
    log(rollout, [](Json& row) { row["filtered"] = true; });
  for (const evaluate::Rollout& rollout : g.greedy)
    log(rollout, [](Json& row) { row["greedy"] = true; });
  if (show_every > 0 && step % show_every == 0 && !g.rollouts.empty()) {
    const evaluate::Rollout& shown = g.rollouts[0];
    std::string text = shown.completions[0].text;
    std::replace(text.begin(), text.end(), '\n', ' ');
    progress.say(fmt::format("sample     step {}, reward {:.2f}: {}\n", step,
                             shown.verdicts[0].reward, text));
  }
}

}  // namespace temper::train
