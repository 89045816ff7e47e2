#include "temper/learn/train/reward_model.h"

#include <cmath>
#include <memory>

#include "temper/engine/model/score_head.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/critic.h"

namespace temper::train {
namespace {

/// [answer] scores, each at its last token that is not padding, as a reward model is trained.
std::vector<float> scores(model::Model& model, const std::vector<evaluate::Rollout>& rollouts,
                          int64_t micro_batch_tokens) {
  std::vector<batch::Group> groups;
  step::ByAnswer all;
  std::vector<size_t> places;
  for (const evaluate::Rollout& rollout : rollouts) {
    batch::Group& group = groups.emplace_back();
    group.prompt = rollout.prompt;
    for (const chat::Completion& said : rollout.completions) {
      // One token more, never read: a score is read where the next token would be predicted.
      const int64_t place = model::scored_token(said.tokens, model.config().pad_id) + 1;
      batch::Answer answer{.tokens = said.tokens, .trained = {}, .id = std::ssize(all)};
      answer.tokens.push_back(0);
      answer.trained.resize(answer.tokens.size(), 0);
      places.push_back(static_cast<size_t>(place));
      answer.trained.at(places.back()) = 1;
      all.emplace_back(answer.tokens.size());
      group.answers.push_back(std::move(answer));
    }
  }
  step::read_values(model, batch::pack(groups, micro_batch_tokens), all);
  std::vector<float> found;
  for (size_t i = 0; i < all.size(); ++i) found.push_back(all[i][places[i]]);
  return found;
}

void add(reward::Verdict& verdict, double value, double weight) {
  reward::Score score{.value = value, .reason = text::shortest(value)};
  if (!std::isfinite(value))
    score = {0, "the score is not a finite number", reward::Outcome::Error};
  const bool scored = score.outcome == reward::Outcome::Scored;
  if (scored && verdict.outcome == reward::Outcome::Scored) verdict.reward += weight * value;
  if (!scored && weight != 0 && verdict.outcome == reward::Outcome::Scored) {
    verdict.outcome = score.outcome;
    verdict.reason = "reward_model: " + score.reason;
    verdict.reward = 0;
  }
  verdict.parts.push_back({"reward_model", weight, std::move(score)});
}

}  // namespace

evaluate::TokenJudge reward_model(Run& run, const EnvironmentOptions& o) {
  const std::string& path = o.reward_model_name_or_path;
  if (path.empty()) return {};
  sample::Loaded loaded = sample::load(
      path, {.dtype = sample::dtype_of(run.options().dtype), .lora = {}, .head = std::nullopt});
  const weights::ModelConfig& config = loaded.model->config();
  if (config.head != weights::HeadKind::Sequence || config.labels != 1) {
    throw Error({"wanted a reward model, a score head of one label, got " + config.architecture +
                     (config.labels > 0 ? " with " + std::to_string(config.labels) : ""),
                 path, "temper reward trains one"});
  }
  check_tokens(run.tokenizer(), loaded.tokenizer, "reward model", path);
  // shared: a std::function is copied
  const std::shared_ptr<model::Model> model = std::move(loaded.model);
  return [&run, model, weight = o.reward_model_weight](std::vector<evaluate::Rollout>& rollouts) {
    const double before = model->flops();
    const std::vector<float> all = scores(*model, rollouts, run.options().micro_batch_tokens);
    run.model().count_flops(model->flops() - before);
    size_t answer = 0;
    for (evaluate::Rollout& rollout : rollouts) {
      for (reward::Verdict& verdict : rollout.verdicts) add(verdict, all[answer++], weight);
    }
  };
}

}  // namespace temper::train
