// Self-play on tiny models: the start, iterations, resume, bad rows.
#include "temper/learn/train/spin.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numbers>

#include "temper/learn/train/preferring.h"

namespace temper::train {
namespace {

class Spinning : public Preferring {
 protected:
  SpinOptions spinning(const std::string& name) const {
    SpinOptions o;
    static_cast<PairOptions&>(o) = options(name);
    o.common.max_steps = 3;
    o.common.save_steps = 1;
    o.common.micro_batch_tokens = 100;
    o.max_new_tokens = 10;
    return o;
  }
  void write_demonstrations(int count) const {
    std::ofstream rows(root_ / "pairs.jsonl");
    for (int i = 0; i < count; ++i) {
      rows << Json({{"prompt", "say " + std::to_string(i) + ": "},
                    {"completion", std::to_string(i * i) + " of them"}})
                  .dump()
           << "\n";
    }
  }
  Result run_spin(const SpinOptions& o, const std::atomic<bool>* interrupted = nullptr) const {
    return spin(o, *member("spin"), setting("spin", config::to_yaml(o), interrupted));
  }
};

TEST_F(Spinning, EveryIterationBeginsAtLog2AndEndsBelow) {
  write_demonstrations(24);
  SpinOptions o = spinning("a");
  o.num_spin_iterations = 2;
  const Result result = run_spin(o);
  EXPECT_EQ(result.state.step, 6);
  EXPECT_EQ(result.state.largest_mismatch, 0);
  EXPECT_GT(result.state.compared, 100);
  std::vector<Json> steps;
  for (const Json& line : metrics("a")) {
    if (line.contains("loss")) steps.push_back(line);
  }
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_EQ(steps[0]["loss"], std::numbers::ln2);
  EXPECT_LT(steps[2]["loss"], 0.99 * std::numbers::ln2);
  EXPECT_EQ(steps[3]["loss"], std::numbers::ln2);  // the opponent has become the policy
  EXPECT_EQ(steps[3]["iteration"], 1);
  EXPECT_LT(steps[5]["loss"], 0.99 * std::numbers::ln2);
  // What is held out is judged against the opponent of its own iteration.
  EXPECT_LT(last("a", "eval_loss"), std::numbers::ln2);
}

TEST_F(Spinning, AStoppedRunResumesToTheSameBits) {
  write_demonstrations(24);
  SpinOptions o = spinning("run");
  o.num_spin_iterations = 3;
  o.common.max_steps = 1;
  Training::expect_resumes(
      o, [&](const auto& each, const auto* stop) { return run_spin(each, stop); });
  o.common.dtype = "bfloat16";
  o.common.max_steps = 2;
  for (const char* folder : {"whole", "parts"}) std::filesystem::remove_all(root_ / folder);
  Training::expect_resumes(
      o, [&](const auto& each, const auto* stop) { return run_spin(each, stop); });
}

TEST_F(Spinning, TheOpponentRepeatsItselfWithinAnIteration) {
  write_demonstrations(12);  // 4 are held out: 4 to train on are one batch
  SpinOptions o = spinning("a");
  o.data.test_split_size = 8;
  o.common.eval_steps = 0;
  const Result result = run_spin(o);
  // Three epochs over four rows, and eight that are held out, once each.
  EXPECT_LE(result.state.sampled_tokens, (4 + 8) * 10);
  EXPECT_EQ(result.state.pairs, 12);
}

TEST_F(Spinning, AnAdapterHasOneIteration) {
  write_demonstrations(24);
  SpinOptions o = spinning("a");
  o.common.use_peft = true;
  o.common.lora_r = 4;
  EXPECT_EQ(run_spin(o).state.first_loss, std::numbers::ln2);
  o.num_spin_iterations = 2;
  o.common.output_dir = (root_ / "b").string();
  const std::string said = message([&] { run_spin(o); });
  EXPECT_NE(said.find("one iteration only"), std::string::npos) << said;
  EXPECT_NE(said.find("temper export"), std::string::npos) << said;
  o.num_spin_iterations = 1;
  o.common.model_name_or_path = (root_ / "a").string();
  EXPECT_NE(message([&] { run_spin(o); }).find("not where this run begins"), std::string::npos);
}

TEST_F(Spinning, RowsOfAnotherTypeAreRefusedAndUselessOnesLeftOut) {
  write_pairs("pairs.jsonl", true, 24);
  std::string said = message([&] { run_spin(spinning("a")); });
  EXPECT_NE(said.find("prompt-completion"), std::string::npos) << said;
  std::ofstream(root_ / "pairs.jsonl") << R"({"prompt": "", "completion": "well"})"
                                          "\n"
                                       << R"({"prompt": "say", "completion": "well"})"
                                          "\n";
  SpinOptions o = spinning("b");
  o.data.test_split_size = 0;
  run_spin(o);
  EXPECT_EQ(Json::parse(read("b/summary.json"))["rows"]["train"], 1);
  EXPECT_NE(read("b/rejected.jsonl").find("the prompt is empty"), std::string::npos);
}

}  // namespace
}  // namespace temper::train
