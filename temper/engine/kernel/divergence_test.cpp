#include "temper/engine/kernel/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "temper/engine/kernel/reference/reference.h"
#include "temper/engine/kernel/reference/sample.h"
#include "temper/engine/tensor/tensor.h"

namespace temper::kernel {
namespace {

using Json = nlohmann::json;
using reference::sample;

/// Two heads over one vocabulary, and what the kernel says of them.
struct Heads {
  int64_t rows, width, teacher_width, vocabulary;
  double beta, temperature;
  std::vector<float> hidden, weight, teacher_hidden, teacher_weight;

  std::vector<float> value, centre, d_hidden, d_weight;

  void run(const std::vector<float>& d_value) {
    const auto n = static_cast<size_t>(rows);
    Panels student(width, vocabulary, Dtype::Float32), plain(vocabulary, width, Dtype::Float32);
    Panels teacher(teacher_width, vocabulary, Dtype::Float32);
    student.pack(weight.data(), Layout::Transposed);
    plain.pack(weight.data(), Layout::Plain);
    teacher.pack(teacher_weight.data(), Layout::Transposed);
    const std::vector<int32_t> targets(n, 0);
    std::vector<float> lse(n), teacher_lse(n);
    const HeadInput in{hidden.data(), rows, student, targets.data(), temperature};
    head(in, {.lse = lse.data()});
    head({teacher_hidden.data(), rows, teacher, targets.data(), temperature},
         {.lse = teacher_lse.data()});
    const DivergenceInput both{.student = in,
                               .student_lse = lse.data(),
                               .teacher_hidden = teacher_hidden.data(),
                               .teacher_weight = teacher,
                               .teacher_lse = teacher_lse.data(),
                               .beta = beta};
    value.resize(n);
    centre.resize(n);
    d_hidden.assign(hidden.size(), 0);
    d_weight.assign(weight.size(), 0);
    divergence(both, value.data(), centre.data());
    divergence_backward(both, {.centre = centre.data(),
                               .d_value = d_value.data(),
                               .weight_plain = plain,
                               .d_hidden = d_hidden.data(),
                               .d_weight = d_weight.data()});
  }
};

Heads drawn(int64_t rows, int64_t vocabulary, double beta, double temperature) {
  return {.rows = rows,
          .width = 24,
          .teacher_width = 40,
          .vocabulary = vocabulary,
          .beta = beta,
          .temperature = temperature,
          .hidden = sample(rows * 24, 1),
          .weight = sample(vocabulary * 24, 2, 0.4f),
          .teacher_hidden = sample(rows * 40, 3),
          .teacher_weight = sample(vocabulary * 40, 4, 0.4f),
          .value = {},
          .centre = {},
          .d_hidden = {},
          .d_weight = {}};
}

at::Tensor leaf(const std::vector<float>& v, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(v.data()), shape).to(at::kDouble).set_requires_grad(true);
}

void expect_near(const std::vector<float>& got, const at::Tensor& want, double bound) {
  const at::Tensor t = at::from_blob(const_cast<float*>(got.data()), want.sizes()).to(at::kDouble);
  EXPECT_LT(at::abs(t - want).max().item<double>(), bound);
}

TEST(Divergence, AgreesWithTheReferenceForwardAndBackward) {
  for (double beta : {0.0, 0.1, 0.5, 1.0}) {
    for (const auto& [rows, vocabulary, temperature] :
         {std::tuple{1, 7, 1.0}, {50, 1024, 0.9}, {300, 4500, 1.5}}) {
      SCOPED_TRACE(beta);
      Heads h = drawn(rows, vocabulary, beta, temperature);
      const std::vector<float> d_value = sample(rows, 5);
      h.run(d_value);
      const at::Tensor hidden = leaf(h.hidden, {rows, 24}),
                       weight = leaf(h.weight, {vocabulary, 24});
      const at::Tensor want =
          reference::divergence({hidden, weight, leaf(h.teacher_hidden, {rows, 40}).detach(),
                                 leaf(h.teacher_weight, {vocabulary, 40}).detach()},
                                beta, temperature);
      (want * leaf(d_value, {rows}).detach()).sum().backward();
      expect_near(h.value, want.detach(), 5e-5);  // log-probs of up to 20 nats in float32
      expect_near(h.d_hidden, hidden.grad(), 2e-4);
      expect_near(h.d_weight, weight.grad(), 2e-4);
    }
  }
}

TEST(Divergence, OfAModelFromItselfIsZeroAndFlat) {
  for (double beta : {0.0, 0.3, 1.0}) {
    Heads h = drawn(40, 1500, beta, 1);
    h.teacher_width = h.width;
    h.teacher_hidden = h.hidden;
    h.teacher_weight = h.weight;
    h.run(std::vector<float>(40, 1));
    for (float value : h.value) EXPECT_NEAR(value, 0, 1e-6) << beta;
    for (float slope : h.d_hidden) EXPECT_NEAR(slope, 0, 1e-6) << beta;
  }
}

TEST(Divergence, BitsDependOnNeitherThreadsNorInstructionSet) {
  EXPECT_EQ(reference::differing_setting([&] {
              Heads h = drawn(99, 2500, 0.4, 0.8);
              h.run(sample(99, 5));
              std::vector<float> all = h.value;
              for (const std::vector<float>* part :
                   std::initializer_list<const std::vector<float>*>{&h.d_hidden, &h.d_weight})
                all.insert(all.end(), part->begin(), part->end());
              return all;
            }),
            "");
}

TEST(Divergence, WorkedNumbersStandOnThePage) {
  std::ifstream file(SOURCE_DIR "/docs/algorithms/distillation.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  auto expect = [&](const char* name, double value) {
    char line[64];
    std::snprintf(line, sizeof(line), "assert: %s = %.5f\n", name, value);
    EXPECT_NE(page.find(line), std::string::npos) << line;
  };
  auto three = [](double beta) {  // the identity as head: hidden states are logits
    Heads h{.rows = 1,
            .width = 3,
            .teacher_width = 3,
            .vocabulary = 3,
            .beta = beta,
            .temperature = 1,
            .hidden = {1, 0, -1},
            .weight = {1, 0, 0, 0, 1, 0, 0, 0, 1},
            .teacher_hidden = {2, 1, -3},
            .teacher_weight = {1, 0, 0, 0, 1, 0, 0, 0, 1},
            .value = {},
            .centre = {},
            .d_hidden = {},
            .d_weight = {}};
    h.run({1});
    return h;
  };
  expect("forward", three(0).value[0]);
  expect("reverse", three(1).value[0]);
  expect("jensen_shannon", three(0.5).value[0]);
  expect("slope_forward", three(0).d_hidden[2]);
  expect("slope_reverse", three(1).d_hidden[2]);
}

/// golden/divergence.py: TRL 1.16's own chunked divergence, in float64.
TEST(Divergence, EqualsTrl) {
  const Json golden = Json::parse(std::ifstream(SOURCE_DIR "/golden/divergence.json"));
  auto read = [&](const char* name) { return golden[name].get<std::vector<float>>(); };
  for (const Json& recording : golden["cases"]) {
    SCOPED_TRACE(recording["beta"].dump() + " " + recording["temperature"].dump());
    Heads h{.rows = golden["rows"],
            .width = golden["width"],
            .teacher_width = golden["teacher_width"],
            .vocabulary = golden["vocabulary"],
            .beta = recording["beta"],
            .temperature = recording["temperature"],
            .hidden = read("hidden"),
            .weight = read("weight"),
            .teacher_hidden = read("teacher_hidden"),
            .teacher_weight = read("teacher_weight"),
            .value = {},
            .centre = {},
            .d_hidden = {},
            .d_weight = {}};
    h.run(std::vector<float>(static_cast<size_t>(h.rows), 1 / static_cast<float>(h.rows)));
    double loss = 0;
    for (float value : h.value) loss += value / static_cast<double>(h.rows);
    EXPECT_NEAR(loss, recording["loss"].get<double>(), 2e-6);
    const std::vector<double> hidden = recording["d_hidden"], weight = recording["d_weight"];
    for (size_t i = 0; i < hidden.size(); ++i) EXPECT_NEAR(h.d_hidden[i], hidden[i], 2e-6);
    for (size_t i = 0; i < weight.size(); ++i) EXPECT_NEAR(h.d_weight[i], weight[i], 2e-6);
  }
}

}  // namespace
}  // namespace temper::kernel
