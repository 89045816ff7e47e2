#include "temper/app/report/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/app/report/html.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

constexpr size_t kPoints = 500;

struct Series {
  std::string metric, label;
  const char* style = "line";  ///< line, points, or band (drawn to the series before it)
};
struct Chart {
  std::string title, note;
  std::vector<Series> series;
};

std::vector<Chart> known_charts(const MetricTable& table) {
  Chart parts{"Reward parts", "mean score, unweighted", {}};
  Chart held_out{"Reward parts, held out", "mean score, unweighted", {}};
  for (const auto& [name, values] : table.columns) {
    if (name.starts_with("rewards/") && name.ends_with("/mean"))
      parts.series.push_back({name, name.substr(8, name.size() - 13)});
    static const std::set<std::string> pairs = {"chosen", "rejected", "margins", "accuracies"};
    if (name.starts_with("eval_rewards/") && !pairs.contains(name.substr(13))) {
      held_out.series.push_back({name, name.substr(13), "points"});
    }
  }
  return {
      {"Reward",
       "mean over the step's answers",
       {{"reward", "training"}, {"eval_reward", "held out", "points"}}},
      parts,
      held_out,
      {"Implicit rewards",
       "β · gain of an answer's log-prob, mean",
       {{"rewards/chosen", "chosen"},
        {"rewards/rejected", "rejected"},
        {"rewards/margins", "margin"},
        {"eval_rewards/margins", "margin, held out", "points"}}},
      {"Preference accuracy",
       "share of pairs whose chosen answer has the larger reward",
       {{"rewards/accuracies", "training"}, {"eval_rewards/accuracies", "held out", "points"}}},
      {"Rewards",
       "of the reward model's answers; band: least to largest",
       {{"mean_reward", "mean"},
        {"min_reward", "least", "edge"},
        {"max_reward", "largest", "band"}}},
      {"Margin",
       "reward of the chosen answer above the rejected one's",
       {{"margin", "training"}, {"eval_margin", "held out", "points"}}},
      {"Accuracy",
       "share of pairs in the right order, or of steps judged rightly",
       {{"accuracy", "training"}, {"eval_accuracy", "held out", "points"}}},
      {"Log-probs of answers",
       "nats; both falling together is DPO's known ailment",
       {{"logps/chosen", "chosen"}, {"logps/rejected", "rejected"}}},
      {"Completion length",
       "tokens; band: shortest to longest",
       {{"completions/mean_length", "mean"},
        {"completions/min_length", "shortest", "edge"},
        {"completions/max_length", "longest", "band"}}},
      {"Groups and cut answers",
       "share",
       {{"frac_reward_zero_std", "groups that teach nothing"},
        {"completions/clipped_ratio", "answers cut at the limit"}}},
      {"Loss", "", {{"loss", "training"}, {"eval_loss", "held out", "points"}}},
      {"Entropy", "nats a token", {{"entropy", "entropy"}}},
      {"KL to the start", "nats a token; of kto nats an answer", {{"kl", "KL"}}},
      {"Reward shift", "running mean of the implicit rewards", {{"delta", "δ"}}},
      {"Mismatch",
       "largest |log-prob as sampled − recomputed|",
       {{"sampling/sampling_logp_difference/max", "mismatch"}}},
      {"Value loss", "½ (V − R)², clipped, mean over tokens", {{"loss/value_avg", "critic"}}},
      {"Explained variance",
       "of the returns by the critic's values; 1: all, 0: no more than a constant",
       {{"critic/vf_explained_var", "explained"}}},
      {"Values and returns",
       "mean over tokens, before the update",
       {{"critic/values/mean", "values"}, {"critic/returns/mean", "returns"}}},
      {"Reward less the price of the KL",
       "mean over answers",
       {{"objective/scores", "reward as trained on"}, {"objective/rlhf_reward", "less the price"}}},
      {"KL of an answer", "nats, under the reference", {{"objective/kl", "KL"}}},
      {"Price of the KL", "kl_coef", {{"objective/kl_coef", "price of a nat"}}},
      {"Steps of the policy",
       "share of tokens clipped; ½ (Δ log π)²",
       {{"policy/clipfrac_avg", "clipped"}, {"policy/approxkl_avg", "approximate KL"}}},
      {"Token accuracy",
       "share",
       {{"mean_token_accuracy", "training"}, {"eval_mean_token_accuracy", "held out", "points"}}},
      {"Gradient norm", "before clipping", {{"grad_norm", "norm"}}},
      {"Learning rate", "", {{"learning_rate", "rate"}}},
      {"Speed", "tokens a second", {{"tokens_per_second", "tokens/s"}}},
      {"Time of a step",
       "seconds",
       {{"time/generate", "generate"}, {"time/update", "update"}, {"step_time", "whole"}}},
  };
}

/// What is an axis, or says little by itself.
bool is_hidden(const std::string& name) {
  static const std::set<std::string> hidden = {"epoch",
                                               "num_tokens",
                                               "tflop",
                                               "reward_std",
                                               "completions/mean_terminated_length",
                                               "completions/min_terminated_length",
                                               "completions/max_terminated_length"};
  return hidden.contains(name) || (name.starts_with("rewards/") && name.ends_with("/std"));
}

/// Every `per` rows as one: their mean, or largest or smallest where the metric is that.
std::vector<double> thinned(const std::vector<double>& values, size_t per,
                            const std::string& name) {
  std::vector<double> out;
  for (size_t begin = 0; begin < values.size(); begin += per) {
    double sum = 0, low = INFINITY, high = -INFINITY;
    int64_t count = 0;
    for (size_t i = begin; i < std::min(begin + per, values.size()); ++i) {
      if (!std::isfinite(values[i])) continue;
      sum += values[i];
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
      ++count;
    }
    const bool largest = name.ends_with("/max") || name.find("/max_") != std::string::npos ||
                         name.starts_with("max_");
    const bool smallest = name.find("/min_") != std::string::npos || name.starts_with("min_");
    out.push_back(count == 0 ? NAN
                  : largest  ? high
                  : smallest ? low
                             : sum / static_cast<double>(count));
  }
  return out;
}

/// The last row of every `per`.
std::vector<double> last_of(const std::vector<double>& values, size_t per) {
  std::vector<double> out;
  for (size_t begin = 0; begin < values.size(); begin += per)
    out.push_back(values[std::min(begin + per, values.size()) - 1]);
  return out;
}

Json numbers(const std::vector<double>& values, int digits = 5) {
  Json list = Json::array();
  for (double value : values) {
    // Read back from its few digits, so that the page stays small.
    if (std::isfinite(value)) {
      list.push_back(*text::parse_double(fmt::format("{:.{}g}", value, digits)));
    } else {
      list.push_back(nullptr);
    }
  }
  return list;
}

/// Running totals: tokens as logged, seconds as the sum of the steps' times (a pause before a
/// resume does not count), or since the first row where steps are not timed.
Json axes(const MetricTable& table, size_t per) {
  Json axes = {{"step", numbers(last_of(table.step, per), 10)}};
  std::vector<double> carried;
  if (const auto* tokens = table.find("num_tokens")) {
    for (double value : *tokens)
      carried.push_back(std::isfinite(value) ? value : carried.empty() ? 0 : carried.back());
    axes["tokens"] = numbers(last_of(carried, per), 10);
  }
  carried.clear();
  const auto* timed = table.find("step_time");
  for (size_t i = 0; i < table.step.size(); ++i) {
    const double before = carried.empty() ? 0 : carried.back();
    carried.push_back(timed == nullptr             ? table.time[i] - table.time[0]
                      : std::isfinite((*timed)[i]) ? before + (*timed)[i]
                                                   : before);
  }
  axes["seconds"] = numbers(last_of(carried, per), 7);
  return axes;
}

struct Range {
  double first = NAN, last = NAN, low = INFINITY, high = -INFINITY;
};
Range range(const std::vector<double>& values) {
  Range r;
  for (double value : values) {
    if (!std::isfinite(value)) continue;
    if (std::isnan(r.first)) r.first = value;
    r.last = value;
    r.low = std::min(r.low, value);
    r.high = std::max(r.high, value);
  }
  return r;
}

}  // namespace

Curves curves(const Stage& stage, const std::string& prefix) {
  const MetricTable& table = stage.metrics;
  Curves result;
  const size_t per = std::max<size_t>(1, (table.step.size() + kPoints - 1) / kPoints);
  result.rows_per_point = static_cast<int64_t>(per);
  std::vector<Chart> charts = known_charts(table);
  const size_t known = charts.size();
  std::set<std::string> drawn;
  for (const Chart& chart : charts) {
    for (const Series& series : chart.series) drawn.insert(series.metric);
  }
  for (const auto& [name, values] : table.columns) {
    if (!drawn.contains(name) && !is_hidden(name)) charts.push_back({name, "", {{name, name}}});
  }
  Json list = Json::array();
  std::string shown, more;
  for (size_t c = 0; c < charts.size(); ++c) {
    const Chart& chart = charts[c];
    Json drawn_series = Json::array();
    std::string said, last;
    for (const Series& series : chart.series) {
      const std::vector<double>* values = table.find(series.metric);
      if (values == nullptr) continue;
      const Range r = range(*values);
      if (std::isnan(r.first)) continue;
      drawn_series.push_back({{"label", series.label},
                              {"style", series.style},
                              {"values", numbers(thinned(*values, per, series.metric))}});
      if (last.empty()) last = figure(r.last);
      said += fmt::format("{}: from {} to {}, least {}, most {}. ", series.label, figure(r.first),
                          figure(r.last), figure(r.low), figure(r.high));
    }
    if (drawn_series.empty()) continue;
    if (drawn_series.size() > 1 && chart.title.starts_with("Reward parts")) last = "";
    const std::string id = fmt::format("{}-{}", prefix, c);
    list.push_back({{"id", id}, {"series", drawn_series}});
    (c < known ? shown : more) += fmt::format(
        "<figure><figcaption><span><b>{}</b>{}</span>{}</figcaption>"
        "<div class=\"plot\"><canvas id=\"{}\" role=\"img\" aria-label=\"{}\"></canvas></div>"
        "</figure>\n",
        escaped(chart.title), "<small>" + chart.note + "</small>",
        last.empty() ? "" : "<output title=\"last value\">" + last + "</output>", id,
        escaped(chart.title + ". " + said));
  }
  result.html = shown.empty() ? "" : "<div class=\"charts\">\n" + shown + "</div>\n";
  if (!more.empty()) {
    result.html += "<details><summary>More figures</summary><div class=\"charts\">\n" + more +
                   "</div></details>\n";
  }
  result.data = std::make_shared<const Json>(Json{{"axes", axes(table, per)}, {"charts", list}});
  return result;
}

}  // namespace temper::report
