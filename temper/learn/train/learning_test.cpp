// That members of the policy family learn, not only compute: a model of a million parameters comes
// to earn a planted reward, and comes to nothing when rewards are dealt to the wrong answers.
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/policy.h"
#include "temper/learn/train/generator.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

class Learning : public Training {
 protected:
  double gain(const char* name, bool planted) const {
    GrpoOptions o = grpo_options(planted ? "planted" : "shuffled");
    o.common.model_name_or_path = other_model({.seed = 5, .width = 160, .layers = 4});
    o.common.per_device_train_batch_size = 64;
    o.common.micro_batch_tokens = 2048;
    o.common.max_steps = 30;
    o.common.learning_rate = 1e-3;
    o.common.warmup_steps = 4;
    o.common.eval_steps = o.common.save_steps = 0;
    o.rollout.num_generations = 16;
    o.rollout.max_completion_length = 8;
    o.rollout.kl_every = 0;
    const algo::Policy& member = policy_member(name);
    std::unique_ptr<env::Environment> environment = environment_of(o.rollout);
    if (!planted) environment = std::make_unique<Shuffled>(std::move(environment));
    train::Run run(o.common, setting(name, config::to_yaml(o)));
    policy(run, o.rollout, *environment, member, *member.make(member.options()),
           {.value_learning_rate = 1e-3});
    return Training::gain(planted ? "planted" : "shuffled");
  }
};

class LearningSlow : public Learning, public testing::WithParamInterface<const char*> {};

TEST_P(LearningSlow, APlantedRewardIsEarned) {
  EXPECT_GT(gain(GetParam(), true), 0.2);
}
INSTANTIATE_TEST_SUITE_P(Members, LearningSlow,
                         testing::Values("dapo", "dr_grpo", "gpg", "grpo", "gspo", "opo", "ppo",
                                         "reinforce", "reinforce_pp", "remax", "rloo"),
                         [](const auto& info) { return std::string(info.param); });

class LearningControlSlow : public Learning {};

/// 512 answers on each side: four standard errors are 0.13.
TEST_F(LearningControlSlow, NothingIsLearntFromRewardsOfOtherAnswers) {
  EXPECT_LT(std::abs(gain("grpo", false)), 0.13);
}

TEST_F(LearningControlSlow, EveryMemberIsTried) {
  EXPECT_EQ(algo::policy_catalogue().size(), 11u);  // the list above
}

}  // namespace
}  // namespace temper::train
