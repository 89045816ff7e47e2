// One step of sft against one of TRL's SFTTrainer (golden/sft.py, golden/sft_smoothing.py,
// float64).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/learn/algo/named_member.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"

namespace temper::train {
namespace {

const std::string kGolden = SOURCE_DIR "/golden/";

std::vector<batch::Group> recorded_rows(const Json& rows) {
  std::vector<batch::Group> groups;
  for (const Json& row : rows) {
    groups.push_back({.prompt = {},
                      .answers = {{row["tokens"].get<std::vector<int32_t>>(),
                                   row["trained"].get<std::vector<uint8_t>>(),
                                   static_cast<int64_t>(groups.size())}}});
  }
  return groups;
}

Json recorded(const std::string& name) {
  return text::parse_json(file::read_file(kGolden + name), name);
}

/// The step's loss, and its gradients as they stand in golden/<name>.safetensors.
void expect_step(const std::string& name, const std::string& yaml, double loss) {
  const Json golden = recorded("sft.json");
  const file::Safetensors gradients = file::Safetensors::open(kGolden + name + ".safetensors");
  const auto member = algo::named_member(algo::supervised_catalogue(), "sft", yaml);
  for (int64_t budget : {12, 1000}) {  // several micro-batches, and one
    model::Model model = model::Model::load(
        weights::Checkpoint::open(kGolden + golden["model"].get<std::string>()),
        {.dtype = kernel::Dtype::Float32, .training = model::Training::Full, .lora = {}});
    const std::vector<batch::Packed> batches = batch::pack(recorded_rows(golden["rows"]), budget);
    const step::BatchResult result = step::Stepper(model).supervised(batches, *member);
    EXPECT_NEAR(result.loss, loss, 1e-5);  // the model computes in float32
    ASSERT_EQ(gradients.tensors().size(), model.store().all().size());
    for (const file::Safetensors::Tensor& tensor : gradients.tensors()) {
      ASSERT_EQ(tensor.format, file::Format::F64) << tensor.name;
      std::vector<double> wanted(tensor.data.size() / sizeof(double));
      std::memcpy(wanted.data(), tensor.data.data(), tensor.data.size());
      const model::Weight* weight = model.store().find(tensor.name);
      ASSERT_NE(weight, nullptr) << tensor.name;
      const std::span<const float> got = model.store().gradient(*weight);
      ASSERT_EQ(got.size(), wanted.size()) << tensor.name;
      double largest = 0, gap = 0;
      for (size_t i = 0; i < wanted.size(); ++i) {
        largest = std::max(largest, std::abs(wanted[i]));
        gap = std::max(gap, std::abs(wanted[i] - double{got[i]}));
      }
      EXPECT_LT(gap, 2e-5 * largest + 1e-7) << tensor.name;  // float32 sums of 32 tokens
    }
  }
}

TEST(SftGolden, LossAndGradientsOfAStepEqualTrl) {
  expect_step("sft", "", recorded("sft.json")["accumulated"]["loss"]);
}

TEST(SftGolden, LossAndGradientsOfASmoothedStepEqualTrl) {
  const Json golden = recorded("sft_smoothing.json");
  expect_step("sft_smoothing", "label_smoothing_factor: " + golden["label_smoothing_factor"].dump(),
              golden["loss"]);
}

}  // namespace
}  // namespace temper::train
