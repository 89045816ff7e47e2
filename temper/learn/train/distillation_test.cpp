#include "temper/learn/train/distillation.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

class Distilling : public Training {
 protected:
  DistillationOptions options(const std::string& name) const {
    DistillationOptions o = distillation_defaults();
    o.common = sft_options(name).common;
    o.common.max_steps = 6;
    o.common.save_steps = 1;
    o.data = sft_options(name).data;
    o.teacher_model_name_or_path = other_model({.seed = 7});
    o.max_completion_length = 8;
    return o;
  }

  static Result run(const DistillationOptions& o, double beta = 1,
                    const std::atomic<bool>* interrupted = nullptr) {
    const auto loss = algo::named_member(algo::supervised_catalogue(), "distillation",
                                         "beta: " + std::to_string(beta));
    return distillation(o, *loss, setting("distillation", config::to_yaml(o), interrupted));
  }
};

TEST_F(Distilling, AStudentComesNearerToItsTeacher) {
  for (const auto& [lmbda, beta] : {std::pair{0.0, 0.0}, {0.0, 0.5}, {1.0, 1.0}}) {
    const std::string name = std::to_string(lmbda) + std::to_string(beta);
    DistillationOptions o = options(name);
    o.lmbda = lmbda;
    o.common.save_steps = 0;
    const Result result = run(o, beta);
    EXPECT_LT(result.state.last_loss, 0.8 * result.state.first_loss) << name;
    EXPECT_GT(result.state.last_loss, 0) << name;
    const Json line = metrics(name)[0];
    EXPECT_EQ(line["on_policy"], lmbda) << name;
    EXPECT_EQ(line.contains("completions/mean_length"), lmbda == 1) << name;
  }
}

TEST_F(Distilling, AStudentThatIsItsTeacherHasNothingToLearn) {
  DistillationOptions o = options("a");
  o.teacher_model_name_or_path = model_;
  o.common.max_steps = 1;
  EXPECT_NEAR(run(o).state.first_loss, 0, 1e-6);  // the head's float32 rounding
  EXPECT_LT(metrics("a")[0]["grad_norm"].get<double>(), 1e-5);
}

TEST_F(Distilling, AStoppedRunResumesToTheSameBits) {
  auto mixed = [&](const std::string& name) {
    DistillationOptions o = options(name);
    o.lmbda = 0.5;
    return o;
  };
  run(mixed("whole"), 0.5);
  const std::atomic<bool> stop{true};
  DistillationOptions o = mixed("parts");
  EXPECT_TRUE(run(o, 0.5, &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  EXPECT_TRUE(run(o, 0.5, &stop).interrupted);
  EXPECT_FALSE(run(o, 0.5).interrupted);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  EXPECT_TRUE(metrics("whole") == metrics("parts"));
  double own = 0;
  for (const Json& line : metrics("whole")) {
    if (line.contains("on_policy")) own += line["on_policy"].get<double>();
  }
  EXPECT_GT(own, 0);
  EXPECT_LT(own, 6);
}

TEST_F(Distilling, ATeacherOfAnotherVocabularyIsRefused) {
  DistillationOptions o = options("a");
  o.teacher_model_name_or_path = other_model({.seed = 9, .vocabulary = 272});
  const std::string said = message([&] { run(o); });
  EXPECT_NE(said.find("the teacher's vocabulary has 272 tokens, the student's 264"),
            std::string::npos)
      << said;
}

TEST_F(Distilling, RowsWithoutAnswersCannotBeReadAsAnswers) {
  std::ofstream(root_ / "prompts.jsonl") << "{\"prompt\": \"say\"}\n{\"prompt\": \"tell\"}\n";
  DistillationOptions o = options("a");
  o.data.dataset_name = (root_ / "prompts.jsonl").string();
  o.data.test_split_size = 0;
  o.common.per_device_train_batch_size = 2;
  o.lmbda = 0.5;
  const std::string said = message([&] { run(o); });
  EXPECT_NE(said.find("prompt"), std::string::npos) << said;
  EXPECT_NE(said.find("completion"), std::string::npos) << said;
  o.lmbda = 1;
  o.common.output_dir = (root_ / "b").string();
  EXPECT_EQ(run(o).state.step, 6);
}

TEST_F(Distilling, APromptWithoutRoomForAnAnswerIsNamed) {
  DistillationOptions o = options("a");
  o.max_completion_length = 511;
  const std::string said = message([&] { run(o); });
  EXPECT_NE(said.find("leaves"), std::string::npos) << said;
  EXPECT_NE(said.find("rows.jsonl:"), std::string::npos) << said;
}

}  // namespace
}  // namespace temper::train
