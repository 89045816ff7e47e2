// Reward models: the preference loop's pairs, each answer scored at its last token.
#include "temper/learn/train/score.h"

#include "temper/engine/model/score_head.h"
#include "temper/foundation/error/error.h"

namespace temper::train {
namespace {

step::ScoredAnswer scored(const std::vector<int32_t>& answer, const std::optional<int32_t>& pad) {
  return {.tokens = answer, .places = {static_cast<int32_t>(model::scored_token(answer, pad))}};
}

}  // namespace

PairOptions reward_defaults() {
  PairOptions options;
  options.common.learning_rate = 1e-4;
  options.truncation_mode = "drop";
  return options;
}

Result reward(const PairOptions& options, const algo::ScoreLoss& loss, const Setting& setting) {
  Run run(options.common, setting, weights::HeadKind::Sequence);
  const std::optional<int32_t> pad = run.model().config().pad_id;
  if (pad && !options.eos_token.empty() && run.tokenizer().id(options.eos_token) == pad) {
    throw Error({"the end token '" + options.eos_token +
                     "' is the model's padding token: its score would be read before the end",
                 "eos_token", "leave it out, or name another"});
  }
  PairRows pairs = pair_rows(options, pair_renderer(options, run), {.margins = true});
  auto items = [&](const std::vector<step::Pair>& from) {
    std::vector<step::ScoreItem> made;
    for (const step::Pair& pair : from) {
      made.push_back({.prompt = pair.prompt,
                      .answers = {scored(pair.chosen, pad), scored(pair.rejected, pad)},
                      .margin = pair.margin});
    }
    return made;
  };
  return score(run,
               {.name = "pairs",
                .train = items(pairs.train),
                .test = items(pairs.test),
                .rejected = std::move(pairs.rejected),
                .truncated = pairs.truncated,
                .notes = std::move(pairs.notes)},
               loss);
}

}  // namespace temper::train
