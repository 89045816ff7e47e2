#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {
namespace {

TEST(Gpg, EqualsVerlWhereItCountsRewards) {
  const Json golden = recorded("policy_verl");
  const GroupRewards groups = recorded_rewards(golden["batch"], golden["batch"]["samples"]);
  ASSERT_EQ(golden["advantages"][2]["estimator"], "gpg");
  expect_equal(policy("gpg", "alpha: nonzero")->advantages(groups),
               golden["advantages"][2]["advantages"]);
  Json rows = golden["rows"];
  rows["lengths"] = golden["batch"]["lengths"];
  ASSERT_EQ(golden["losses"][1]["name"], "gpg");
  const Step ours = step(policy_loss("gpg"), recorded_tokens(rows));
  EXPECT_NEAR(ours.loss, golden["losses"][1]["loss"].get<double>(), 1e-12);
  expect_equal(ours.grad, golden["losses"][1]["grad"]);
}

TEST(Gpg, WorkedNumbersStandOnThePage) {
  auto right = [](const std::string& lines) {
    return policy("gpg", lines)
        ->advantages({.prompts = 2,
                      .samples = 4,
                      .rewards = {1, 0, 0, 0, 1, 1, 1, 1},
                      .scored = std::vector<char>(8, 1)})[0];
  };
  expect_page("gpg", {{"right_signal", right("")},
                      {"right_nonzero", right("alpha: nonzero")},
                      {"right_one", right("alpha: one")},
                      {"right_std", right("f_norm: std")}});
}

}  // namespace
}  // namespace temper::algo::conformance
