// What peers computed, read back: for the members' tests.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/learn/algo/conformance.h"

namespace temper::algo::conformance {

Json recorded(const std::string& name) {
  return Json::parse(std::ifstream(SOURCE_DIR "/golden/" + name + ".json"));
}

std::string yaml(const Json& options) {
  std::string lines;
  for (const auto& [name, value] : options.items()) lines += name + ": " + value.dump() + "\n";
  return lines;
}

Tokens recorded_tokens(const Json& rows) {
  Tokens tokens = shaped(rows["lengths"]);
  tokens.logp = column(rows["logp"]);
  tokens.old_logp = column(rows["old_logp"]);
  tokens.ref_logp = rows.contains("ref_logp") ? column(rows["ref_logp"]) : tokens.old_logp;
  tokens.behaviour_logp = tokens.old_logp;
  tokens.entropy = at::zeros_like(tokens.logp);
  tokens.advantage = at::index_select(column(rows["advantages"]), 0, tokens.answer);
  if (rows.contains("max_completion_length"))
    tokens.max_completion_length = rows["max_completion_length"];
  return tokens;
}

GroupRewards recorded_rewards(const Json& recording, int64_t samples) {
  GroupRewards groups{.prompts = static_cast<int64_t>(recording["rewards"].size()) / samples,
                      .samples = samples,
                      .rewards = {},
                      .scored = {}};
  for (const Json& reward : recording["rewards"]) {
    groups.scored.push_back(!reward.is_null());
    groups.rewards.push_back(reward.is_null() ? 0 : reward.get<double>());
  }
  if (recording.contains("lengths"))
    groups.lengths = recording["lengths"].get<std::vector<double>>();
  if (recording.contains("log_ratios"))
    groups.log_ratios = recording["log_ratios"].get<std::vector<double>>();
  return groups;
}

std::vector<std::vector<double>> listed(const Json& column, const std::vector<size_t>& lengths) {
  std::vector<std::vector<double>> all;
  size_t n = 0;
  for (size_t length : lengths) {
    all.emplace_back();
    for (size_t t = 0; t < length; ++t) all.back().push_back(column[n++]);
  }
  return all;
}

std::vector<double> joined(const std::vector<std::vector<double>>& lists) {
  std::vector<double> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

Loss policy_loss(const std::string& name, const std::string& lines) {
  return [member = std::shared_ptr<PolicyLoss>(policy(name, lines))](const Tokens& t) {
    return member->terms(t);
  };
}

void expect_equal(const std::vector<double>& ours, const std::vector<double>& theirs,
                  double within) {
  ASSERT_EQ(ours.size(), theirs.size());
  // Both are float64; TRL's k3 cancels, ours does not.
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], theirs[i], within) << i;
}

void expect_recorded(const std::string& member, const Json& cases, const Tokens& tokens) {
  for (const Json& recording : cases) {
    SCOPED_TRACE(recording["options"].dump());
    const Step ours = step(policy_loss(member, yaml(recording["options"])), tokens);
    EXPECT_NEAR(ours.loss, recording["loss"].get<double>(), 1e-12);
    expect_equal(ours.grad, recording["grad"]);
    if (!recording.contains("metrics")) continue;
    for (const auto& [name, value] : recording["metrics"].items()) {
      // TRL counts in float32.
      EXPECT_NEAR(folded(ours.terms, name), value.get<double>(), 1e-7) << name;
    }
  }
}

}  // namespace temper::algo::conformance
