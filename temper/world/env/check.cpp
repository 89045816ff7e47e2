#include "temper/world/env/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::env {
namespace {

std::string last_user(const Row& row) {
  for (size_t i = row.prompt.size(); i-- > 0;) {
    if (row.prompt[i].role == "user") return row.prompt[i].content;
  }
  return "";
}

std::string as_line(const Row& row) {
  Json line = {{"answer", row.answer}, {"info", row.info ? *row.info : Json()}};
  for (const chat::Message& m : row.prompt) line["prompt"].push_back({m.role, m.content});
  return text::to_line(line);
}

struct Policy {
  std::string name;
  std::function<std::string(const Row&)> answer;
};

class Checker {
 public:
  Checker(const Environment& environment, const CheckOptions& options)
      : environment_(environment), options_(options) {
    for (Split split : {Split::Train, Split::HeldOut}) {
      int64_t count = std::min(options.rows, environment.size(split));
      for (int64_t i = 0; i < count; ++i) rows_.push_back(environment.row(split, i, options.seed));
    }
    const auto& rubric = environment.rubric();
    result_ = {.environment = std::string(environment.name()),
               .train_rows = environment.size(Split::Train),
               .held_out_rows = environment.size(Split::HeldOut),
               .checked_rows = static_cast<int64_t>(rows_.size()),
               .lowest = rubric.lowest(),
               .highest = rubric.highest(),
               .seeded = false,
               .parts = {},
               .claims = {},
               .base_rates = {}};
    for (const auto& part : rubric.parts()) result_.parts.push_back(part.name);
    result_.claims = {{kRepeats, true, ""},
                      {kPrompted, true, ""},
                      {kRange, true, ""},
                      {kNoThrow, true, ""},
                      {kTop, true, ""}};
  }

  Check run() {
    claim(kPrompted, !rows_.empty(), "no rows");
    if (rows_.empty()) return std::move(result_);
    check_rows();
    std::string constant = environment_.demonstration(rows_.front());
    play({"demonstration", [&](const Row& row) { return environment_.demonstration(row); }});
    play({"empty", [](const Row&) { return ""; }});
    play({"echo", last_user});
    play({"constant", [&](const Row&) { return constant; }});
    play({"garbage", [](const Row&) { return "<a></b> {{[[ \\ %s 0x) lorem ipsum"; }});
    play({"long", [](const Row&) { return std::string(10000, 'x'); }});
    play({"invalid_utf8",
          [](const Row& row) { return "\xff\xfe\xc0\xaf" + row.answer + "\xed\xa0\x80"; }});
    return std::move(result_);
  }

 private:
  static constexpr const char* kRepeats = "the same seed gives the same rows and scores";
  static constexpr const char* kPrompted = "every row has a prompt that ends with the user";
  static constexpr const char* kRange = "every reward is in the declared range";
  static constexpr const char* kNoThrow = "stepping and scoring never throw";
  static constexpr const char* kTop = "a demonstration earns the highest reward";

  void claim(const char* text, bool holds, const std::string& detail) {
    for (Check::Claim& each : result_.claims) {
      if (each.text != text || holds || !each.holds) continue;
      each.holds = false;
      each.detail = detail;
    }
  }

  void check_rows() {
    size_t at = 0;
    for (Split split : {Split::Train, Split::HeldOut}) {
      int64_t count = std::min(options_.rows, environment_.size(split));
      for (int64_t i = 0; i < count; ++i, ++at) {
        const Row& row = rows_[at];
        std::string line = as_line(row);
        claim(kRepeats, line == as_line(environment_.row(split, i, options_.seed)), row.where);
        result_.seeded |= line != as_line(environment_.row(split, i, options_.seed + 1));
        claim(kPrompted, !row.prompt.empty() && row.prompt.back().role == "user", row.where);
      }
    }
  }

  /// The verdict, or nothing (and a broken claim) when the episode threw.
  std::optional<reward::Verdict> score(const Row& row, const std::string& text,
                                       const std::string& policy) {
    try {
      auto episode = environment_.begin(row);
      for (int turn = 0; turn < 100 && !episode->done(); ++turn) episode->step(text);
      if (episode->done()) return episode->score();
      claim(kNoThrow, false, row.where + ", " + policy + ": not done after 100 turns");
    } catch (const std::exception& error) {
      claim(kNoThrow, false, row.where + ", " + policy + ": " + error.what());
    }
    return {};
  }

  void play(const Policy& policy) {
    Check::BaseRate rate{.policy = policy.name,
                         .mean = 0,
                         .lowest = result_.highest,
                         .highest = result_.lowest,
                         .scored = 0,
                         .unscored = 0,
                         .parts = std::vector<double>(result_.parts.size())};
    bool wants_top = policy.name == "demonstration";
    for (const Row& row : rows_) {
      std::string text = policy.answer(row);
      if (wants_top && text.empty()) continue;
      std::string place = row.where + ", " + policy.name;
      auto verdict = score(row, text, policy.name);
      if (!verdict) continue;
      auto again = score(row, text, policy.name);
      claim(kRepeats, again && again->reward == verdict->reward, place);
      if (verdict->outcome != reward::Outcome::Scored) {
        ++rate.unscored;
        claim(kTop, !wants_top, place + ": " + verdict->reason);
        continue;
      }
      double reward = verdict->reward;
      claim(kRange, reward >= result_.lowest - 1e-9 && reward <= result_.highest + 1e-9, place);
      if (wants_top) claim(kTop, std::abs(reward - result_.highest) < 1e-9, place);
      ++rate.scored;
      rate.mean += reward;
      rate.lowest = std::min(rate.lowest, reward);
      rate.highest = std::max(rate.highest, reward);
      for (size_t i = 0; i < rate.parts.size() && i < verdict->parts.size(); ++i)
        rate.parts[i] += verdict->parts[i].score.value;
    }
    if (rate.scored == 0) rate.lowest = rate.highest = 0;
    double count = static_cast<double>(std::max<int64_t>(rate.scored, 1));
    rate.mean /= count;
    for (double& part : rate.parts) part /= count;
    result_.base_rates.push_back(std::move(rate));
  }

  const Environment& environment_;
  CheckOptions options_;
  std::vector<Row> rows_;
  Check result_;
};

}  // namespace

bool Check::passed() const {
  return std::all_of(claims.begin(), claims.end(), [](const Claim& claim) { return claim.holds; });
}

Check check(const Environment& environment, const CheckOptions& options) {
  return Checker(environment, options).run();
}

Json to_json(const Check& check) {
  Json rates = Json::array(), claims = Json::array();
  for (const auto& rate : check.base_rates) {
    Json parts = Json::object();
    for (size_t i = 0; i < rate.parts.size(); ++i) parts[check.parts[i]] = rate.parts[i];
    rates.push_back({{"policy", rate.policy},
                     {"mean", rate.mean},
                     {"lowest", rate.lowest},
                     {"highest", rate.highest},
                     {"scored", rate.scored},
                     {"unscored", rate.unscored},
                     {"parts", parts}});
  }
  for (const auto& claim : check.claims)
    claims.push_back({{"claim", claim.text}, {"holds", claim.holds}, {"detail", claim.detail}});
  return {{"environment", check.environment},
          {"passed", check.passed()},
          {"train_rows", check.train_rows},
          {"held_out_rows", check.held_out_rows},
          {"checked_rows", check.checked_rows},
          {"seeded", check.seeded},
          {"range", {check.lowest, check.highest}},
          {"claims", claims},
          {"base_rates", rates}};
}

std::string table(const Check& check) {
  std::string out = fmt::format("{}: {} training rows, {} held out; reward {:.2f} … {:.2f}\n\n",
                                check.environment, check.train_rows, check.held_out_rows,
                                check.lowest, check.highest);
  out += fmt::format("{:<15}{:>8}{:>8}{:>8}", "policy", "reward", "lowest", "highest");
  for (const std::string& part : check.parts) out += fmt::format("  {:>8}", part);
  out += "\n";
  for (const auto& rate : check.base_rates) {
    out += fmt::format("{:<15}{:>8.3f}{:>8.2f}{:>8.2f}", rate.policy, rate.mean, rate.lowest,
                       rate.highest);
    for (size_t i = 0; i < rate.parts.size(); ++i)
      out += fmt::format("  {:>{}.3f}", rate.parts[i], std::max<size_t>(8, check.parts[i].size()));
    if (rate.unscored > 0) out += fmt::format("  ({} not scored)", rate.unscored);
    out += "\n";
  }
  out += "\n";
  for (const auto& claim : check.claims) {
    out += (claim.holds ? "ok    " : "FAIL  ") + claim.text +
           (claim.holds ? "" : " (" + claim.detail + ")") + "\n";
  }
  return out;
}

}  // namespace temper::env
