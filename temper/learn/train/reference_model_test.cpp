// References that follow the policy: TRL's run, resume, and what is refused.
#include "temper/learn/train/reference_model.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "temper/engine/optim/optimizer.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/train/preferring.h"

namespace temper::train {
namespace {

Json recorded_sync() {
  return text::parse_json(file::read_file(SOURCE_DIR "/golden/sync.json"), "sync.json");
}

TEST(Sync, ARunsLossesEqualTrls) {
  const Json golden = recorded_sync();
  std::vector<step::Pair> pairs;
  for (const Json& row : golden["rows"]) {
    pairs.push_back({.prompt = row["prompt"].get<std::vector<int32_t>>(),
                     .chosen = row["chosen"].get<std::vector<int32_t>>(),
                     .rejected = row["rejected"].get<std::vector<int32_t>>()});
  }
  const auto loss = member("dpo");
  model::Model policy = tiny(golden["model"], model::Training::Full);
  model::Model reference = tiny(golden["model"], model::Training::None);
  const std::span<const float> start = std::as_const(policy).store().masters();
  std::vector<float> masters(start.begin(), start.end());
  optim::AdamW optimizer(policy, {.max_grad_norm = 0});
  step::PairStepper stepper(policy, *loss, 1000);
  for (size_t step = 0; step < golden["losses"].size(); ++step) {
    step::PairStepper(reference, *loss, 1000).reference(mine(pairs));
    const step::PairResult result = stepper.train(given(pairs));
    // the model computes in float32, and Adam's steps have the size of the rate whatever the
    // slope's
    EXPECT_NEAR(result.loss, golden["losses"][step].get<double>(), 1e-4) << step;
    EXPECT_NEAR(result.metrics.at("rewards/margins"), golden["margins"][step].get<double>(), 2e-4)
        << step;
    optimizer.step(golden["learning_rate"]);
    if ((step + 1) % golden["sync_steps"].get<size_t>() != 0) continue;
    follow(masters, std::as_const(policy).store().masters(), golden["alpha"]);
    reference.take(policy.store(), masters);
  }
}

TEST(Sync, AReferenceThatTakesAllIsThePolicy) {
  std::vector<float> reference = {1, -2, 0.1f};
  const std::vector<float> policy = {0.3f, 7, -0.7f};
  follow(reference, policy, 0);
  EXPECT_EQ(reference, (std::vector<float>{1, -2, 0.1f}));
  follow(reference, policy, 0.5);
  EXPECT_FLOAT_EQ(reference[1], 2.5f);
  follow(reference, policy, 1);
  EXPECT_EQ(reference, policy);
}

class Syncing : public Preferring {
 protected:
  PreferenceOptions synced(const std::string& name, const std::string& dtype = "float32") const {
    PreferenceOptions o = options(name);
    o.common.dtype = dtype;
    o.common.save_steps = 1;
    o.sync = {.sync_ref_model = true, .ref_model_mixup_alpha = 0.6, .ref_model_sync_steps = 2};
    return o;
  }
};

TEST_F(Syncing, AReferenceThatIsAskedEveryStepIsTheOneThatWasReadAtFirst) {
  write_pairs("pairs.jsonl", true, 24);
  for (const bool lora : {false, true}) {
    const std::string name = lora ? "_lora" : "";
    PreferenceOptions once = options("once" + name), each = options("each" + name);
    once.common.use_peft = each.common.use_peft = lora;
    each.precompute_ref_log_probs = false;
    run_member(once);
    run_member(each);
    EXPECT_TRUE(metrics("once" + name) == metrics("each" + name));
    EXPECT_FALSE(file::exists((root_ / ("each" + name) / "reference.jsonl").string()));
  }
}

TEST_F(Syncing, MarginsBeginAgainFromASyncWithTheWholePolicy) {
  write_pairs("pairs.jsonl", true, 24);
  PreferenceOptions o = synced("a", "bfloat16");
  o.sync.ref_model_mixup_alpha = 1;
  o.sync.ref_model_sync_steps = 3;
  o.common.eval_steps = 0;
  run_member(o);
  std::vector<double> margins;
  for (const Json& line : metrics("a")) {
    if (line.contains("rewards/margins")) margins.push_back(line["rewards/margins"]);
  }
  ASSERT_EQ(margins.size(), 6u);
  EXPECT_EQ(margins[0], 0);
  EXPECT_NE(margins[2], 0);
  EXPECT_EQ(margins[3], 0);  // steps 3 and 6 end in a sync
  EXPECT_NE(margins[5], 0);
}

TEST_F(Syncing, AStoppedRunResumesToTheSameBits) {
  write_pairs("pairs.jsonl", true, 24);
  for (const char* dtype : {"float32", "bfloat16"}) {
    Training::expect_resumes(synced("run", dtype), [&](const auto& o, const auto* stop) {
      return run_member(o, "dpo", "", stop);
    });
    for (const char* name : {"whole", "parts"}) std::filesystem::remove_all(root_ / name);
  }
}

TEST_F(Syncing, AStoppedRunOfMismatchedAnswersResumesToTheSameBits) {
  write_answers("pairs.jsonl", true, 24);
  Training::expect_resumes(synced("run"), [&](const auto& o, const auto* stop) {
    return run_member(o, "kto", "", stop);
  });
}

TEST_F(Syncing, ACheckpointWithoutTheReferenceIsRefused) {
  write_pairs("pairs.jsonl", true, 24);
  const std::atomic<bool> stop{true};
  PreferenceOptions plain = options("a");
  plain.precompute_ref_log_probs = false;
  run_member(plain, "dpo", "", &stop);
  PreferenceOptions o = synced("a");
  o.common.resume_from_checkpoint = "true";
  EXPECT_NE(message([&] { run_member(o); }).find("begun with other options"), std::string::npos);
}

TEST_F(Syncing, WhatCannotFollowIsRefused) {
  write_pairs("pairs.jsonl", true, 24);
  PreferenceOptions o = synced("a");
  EXPECT_NE(message([&] { run_member(o, "cpo"); }).find("there is none to sync"),
            std::string::npos);
  o.common.use_peft = true;
  EXPECT_NE(message([&] { run_member(o); }).find("no copy that could follow"), std::string::npos);
  o = synced("a");
  o.precompute_ref_log_probs = true;
  EXPECT_NE(message([&] { run_member(o); }).find("a reference that stays"), std::string::npos);
  EXPECT_FALSE(file::exists((root_ / "a").string()));
}

TEST_F(Training, AReferenceOfAPolicyRunFollows) {
  auto synced = [&](const std::string& name) {
    GrpoOptions o = grpo_options(name);
    o.common.learning_rate = 1e-2;
    o.common.lr_scheduler_type = "constant";
    o.rollout.sync = {
        .sync_ref_model = true, .ref_model_mixup_alpha = 1, .ref_model_sync_steps = 2};
    return o;
  };
  auto with_beta = [&](const GrpoOptions& o, const std::atomic<bool>* stop) {
    const algo::Policy& grpo_member = policy_member("rloo");  // beta 0.05
    return grpo(o, grpo_member, *grpo_member.make(grpo_member.options()),
                setting("rloo", config::to_yaml(o), stop));
  };
  expect_resumes(synced("run"), with_beta);
  std::vector<double> kl;
  for (const Json& line : metrics("whole")) {
    if (line.contains("kl")) kl.push_back(line["kl"]);
  }
  ASSERT_EQ(kl.size(), 4u);
  EXPECT_EQ(kl[0], 0);
  EXPECT_GT(std::abs(kl[1]), 0);
  EXPECT_EQ(kl[2], 0);  // the reference has become the policy
  EXPECT_GT(std::abs(kl[3]), 0);

  GrpoOptions o = synced("none");
  EXPECT_NE(message([&] { run_grpo(o); }).find("there is none to sync"), std::string::npos);
  o.common.use_peft = true;
  EXPECT_NE(message([&] { with_beta(o, nullptr); }).find("no copy that could follow"),
            std::string::npos);
}

}  // namespace
}  // namespace temper::train
