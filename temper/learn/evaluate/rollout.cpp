#include "temper/learn/evaluate/rollout.h"

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::evaluate {

std::vector<int32_t> prompt_of(const env::Row& row, const chat::Renderer& renderer) {
  if (renderer.has_template()) return renderer.prompt(row.prompt);
  std::string text;
  for (const chat::Message& message : row.prompt) text += message.content + "\n\n";
  return renderer.tokenizer().encode(text, true);
}

std::vector<Rollout> roll_out(const env::Environment& environment, std::span<const env::Row> rows,
                              const chat::Renderer& renderer, chat::Speaker& speaker,
                              const RolloutRequest& request) {
  std::vector<Rollout> rollouts;
  std::vector<chat::Request> requests;
  for (const env::Row& row : rows) {
    Rollout& rollout = rollouts.emplace_back();
    rollout.row = row;
    rollout.prompt = prompt_of(row, renderer);
    chat::Request asked;
    asked.prompt = rollout.prompt;
    asked.samples = request.samples;
    asked.options = request.sampling;
    asked.seed = request.seed;
    asked.purpose = request.purpose;
    asked.step = request.step;
    asked.first_sample = request.first_sample;
    asked.prompt_id = request.first_prompt + static_cast<uint32_t>(requests.size());
    requests.push_back(std::move(asked));
  }
  std::vector<std::vector<chat::Completion>> said = speaker.speak(requests);
  for (size_t i = 0; i < rollouts.size(); ++i) {
    rollouts[i].completions = std::move(said[i]);
    for (const chat::Completion& completion : rollouts[i].completions) {
      const std::unique_ptr<env::Episode> episode = environment.begin(rollouts[i].row);
      episode->step(completion.text);
      if (!episode->done()) {
        throw Error({"the environment wants more than one turn", std::string(environment.name()),
                     "an answer is trained on and judged as one turn: take an environment whose "
                     "episodes are done after it"});
      }
      rollouts[i].verdicts.push_back(episode->score());
    }
  }
  if (request.judge) request.judge(rollouts);
  return rollouts;
}

Json to_json(const Rollout& rollout, size_t sample, const RolloutPlace& place) {
  const chat::Completion& completion = rollout.completions[sample];
  const reward::Verdict& verdict = rollout.verdicts[sample];
  const bool scored = verdict.outcome == reward::Outcome::Scored;
  Json messages = Json::array();
  for (const chat::Message& message : rollout.row.prompt)
    messages.push_back(chat::to_json(message));
  Json parts = Json::object();
  for (const reward::PartScore& part : verdict.parts) {
    const bool part_scored = part.score.outcome == reward::Outcome::Scored;
    parts[part.name] = {{"score", part_scored ? Json(part.score.value) : Json()},
                        {"weight", part.weight},
                        {"outcome", std::string(reward::name(part.score.outcome))},
                        {"reason", part.score.reason}};
  }
  return {{"phase", place.phase},
          {"step", place.step},
          {"prompt_id", place.prompt_id},
          {"sample", sample},
          {"row", rollout.row.where},
          {"prompt", messages},
          {"completion", completion.text},
          {"answer", rollout.row.answer},
          {"info", rollout.row.info ? *rollout.row.info : Json()},
          {"reward", scored ? Json(verdict.reward) : Json()},
          {"outcome", std::string(reward::name(verdict.outcome))},
          {"reason", verdict.reason},
          {"parts", parts},
          {"tokens", completion.tokens.size()},
          {"finish", completion.finish == chat::Finish::Stop ? "stop" : "length"}};
}

}  // namespace temper::evaluate
