// That members whose pairs are sampled learn: a model of a million parameters comes to earn a
// planted reward, or to prefer planted rows, and comes to nothing when verdicts are dealt to other
// answers.
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/sampler.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/onlining.h"
#include "temper/learn/train/preferring.h"
#include "temper/learn/train/spin.h"

namespace temper::train {
namespace {

class OnlineLearning : public Onlining {
 protected:
  double gain(const std::string& name, bool planted) const {
    OnlineOptions o = options("run");
    o.common.model_name_or_path = other_model({.seed = 5, .width = 160, .layers = 4});
    o.common.per_device_train_batch_size = 32;
    o.common.micro_batch_tokens = 2048;
    o.common.max_steps = 40;
    o.common.learning_rate = 1e-3;
    o.common.warmup_steps = 4;
    o.common.eval_steps = o.common.save_steps = 0;
    o.max_new_tokens = 8;
    std::unique_ptr<env::Environment> environment = environment_of(o);
    if (!planted) environment = std::make_unique<Shuffled>(std::move(environment));
    train::Run run(o.common, setting(name, config::to_yaml(o)));
    online(run, o, *environment, *member(name));
    return Training::gain("run");
  }
};

class OnlineLearningSlow : public OnlineLearning,
                           public testing::WithParamInterface<const char*> {};

TEST_P(OnlineLearningSlow, APlantedRewardIsEarned) {
  EXPECT_GT(gain(GetParam(), true), 0.2);
}
INSTANTIATE_TEST_SUITE_P(Members, OnlineLearningSlow,
                         testing::Values("online_dpo", "xpo", "nash_md"),
                         [](const auto& info) { return std::string(info.param); });

class OnlineLearningControlSlow : public OnlineLearning,
                                  public testing::WithParamInterface<const char*> {};

/// 512 answers on each side, of a reward between 0 and 1.5: four standard errors are about 0.15.
TEST_P(OnlineLearningControlSlow, NothingIsLearntFromVerdictsOfOtherAnswers) {
  EXPECT_LT(std::abs(gain(GetParam(), false)), 0.15);
}
INSTANTIATE_TEST_SUITE_P(Members, OnlineLearningControlSlow,
                         testing::Values("online_dpo", "nash_md"),
                         [](const auto& info) { return std::string(info.param); });

class SpinningSlow : public Preferring {
 protected:
  /// How often the trained model tells held-out answers from its opponent's: answers of early
  /// letters, or such as the opponent itself writes.
  double accuracy(bool planted) const {
    SpinOptions o;
    static_cast<PairOptions&>(o) = options("run");
    o.common.learning_rate = 1e-3;
    o.common.per_device_train_batch_size = 8;
    o.common.max_steps = 24;
    o.common.eval_steps = o.common.save_steps = 0;
    o.max_new_tokens = 8;
    const auto loss = member("spin");
    train::Run run(o.common, setting("spin", config::to_yaml(o)));
    const chat::Renderer renderer = pair_renderer(o, run);
    const std::vector<step::Pair> all = planted ? early(renderer) : own(run, renderer);
    PairRows rows;
    rows.train.assign(all.begin(), all.begin() + 64);
    rows.test.assign(all.begin() + 64, all.end());
    spin(run, std::move(rows), o, *loss, renderer);
    return last("run", "eval_rewards/accuracies");
  }

 private:
  std::vector<chat::Request> prompts(const chat::Renderer& renderer) const {
    std::vector<chat::Request> all(96);
    for (uint32_t i = 0; i < all.size(); ++i) {
      all[i].prompt = renderer.tokenizer().encode("say " + std::to_string(i) + " ", false);
      all[i].options.max_tokens = 8;
      all[i].seed = 77;
      all[i].prompt_id = i;
    }
    return all;
  }
  std::vector<step::Pair> early(const chat::Renderer& renderer) const {
    random::Sequence draw(random::Stream(7, random::Purpose::Data));
    std::vector<step::Pair> all;
    for (const chat::Request& request : prompts(renderer)) {
      std::vector<int32_t> answer;
      for (int i = 0; i < 7; ++i) answer.push_back(static_cast<int32_t>('a' + draw.below(13)));
      answer.push_back(renderer.eos());
      all.push_back({.prompt = request.prompt, .chosen = answer, .rejected = {}});
    }
    return all;
  }
  std::vector<step::Pair> own(train::Run& run, const chat::Renderer& renderer) const {
    const std::vector<chat::Request> requests = prompts(renderer);
    sample::Sampler sampler(run.model(), run.tokenizer(), renderer.stop_ids());
    const std::vector<std::vector<chat::Completion>> said = sampler.speak(requests);
    std::vector<step::Pair> all;
    for (size_t i = 0; i < requests.size(); ++i) {
      all.push_back({.prompt = requests[i].prompt, .chosen = said[i][0].tokens, .rejected = {}});
    }
    return all;
  }
};

TEST_F(SpinningSlow, PlantedRowsAreToldFromTheOpponentsAnswers) {
  // 32 coins show 28 heads once in 100,000 throws
  EXPECT_GE(accuracy(true), 28.0 / 32);
}

TEST_F(SpinningSlow, RowsOfTheOpponentsOwnKindTeachNothing) {
  EXPECT_LT(accuracy(false), 27.0 / 32);
}

}  // namespace
}  // namespace temper::train
