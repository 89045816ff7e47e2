// What stands on top: the verdict in one sentence, the run's name plate, and what is missing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "temper/app/report/html.h"
#include "temper/app/report/page.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

/// The first of these settings that the run, or a stage of it, has.
std::string first_setting(const RunFolder& run, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (std::string value = run.root.setting(key); !value.empty()) return value;
    for (const Stage& stage : run.stages) {
      if (std::string value = stage.setting(key); !value.empty()) return value;
    }
  }
  return "";
}

double number(const JsonPtr& summary, const char* key) {
  return summary && summary->contains(key) && (*summary)[key].is_number()
             ? (*summary)[key].get<double>()
             : NAN;
}

std::string day_and_time(double epoch_seconds) {
  const std::time_t whole = static_cast<std::time_t>(epoch_seconds);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char out[40];
  return {out, std::strftime(out, sizeof out, "%Y-%m-%d %H:%M UTC", &parts)};
}

std::vector<const Stage*> with_metrics(const RunFolder& run) {
  std::vector<const Stage*> all;
  if (!run.root.metrics.step.empty()) all.push_back(&run.root);
  for (const Stage& stage : run.stages) {
    if (!stage.metrics.step.empty()) all.push_back(&stage);
  }
  return all;
}

std::string machine(const JsonPtr& summary) {
  if (!summary || !summary->contains("machine")) return "";
  const Json& m = (*summary)["machine"];
  if (!m.is_object()) return m.is_string() ? m.get<std::string>() : "";
  std::string out;
  for (const auto& [key, value] : m.items()) {
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    out += (out.empty() ? "" : " · ") + (value.is_string() ? shown : shown + " " + key);
  }
  return out;
}

double mean_reward(const Phase& phase) {
  std::vector<double> rewards;
  for (const auto& [id, tally] : phase.prompts) {
    if (tally.scored > 0) rewards.push_back(tally.reward / static_cast<double>(tally.scored));
  }
  return interval(rewards).mean;
}

std::string verdict(const RunFolder& run, const std::vector<Evaluated>& all) {
  std::vector<const Evaluated*> judged;
  for (const Evaluated& e : all) {
    if (e.phase != nullptr) judged.push_back(&e);
  }
  std::optional<Interval> gain;
  std::string on;
  if (judged.size() > 1) {
    const Gain paired = paired_gain(*judged[judged.size() - 2]->phase, *judged.back()->phase);
    if (paired.prompts > 1) {
      gain = paired.gain;
      on = fmt::format(" on {} held-out prompts", paired.prompts);
    }
  }
  if (run.root.summary) {
    for (const auto& [key, value] : run.root.summary->items()) {
      if (!key.starts_with("gain") || !value.is_object()) continue;
      if (value.contains("mean") && value.contains("low") && value.contains("high") &&
          value["mean"].is_number() && value["low"].is_number() && value["high"].is_number())
        gain = {value["mean"].get<double>(), value["low"].get<double>(),
                value["high"].get<double>()};
    }
  }
  if (!gain) return "";
  // The stage before the last evaluation.
  std::string who = judged.empty() ? "after" : judged.back()->phase->name;
  if (who == "after" && !run.stages.empty()) who += "_" + run.stages.back().name;
  if (who.starts_with("after_")) {
    who.erase(0, 6);
    std::transform(who.begin(), who.end(), who.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  } else {
    who = "Training";
  }
  const char* said = gain->low > 0    ? "raised the reward"
                     : gain->high < 0 ? "lowered the reward"
                                      : "did not clearly change the reward";
  std::string way;
  for (const Evaluated* e : judged)
    way += (way.empty() ? "" : " → ") + text::fixed(mean_reward(*e->phase), 2);
  if (!judged.empty()) {
    way = fmt::format("; mean reward {}{}", way,
                      judged.back()->phase->highest > 0
                          ? " of " + text::fixed(judged.back()->phase->highest, 2)
                          : "");
  }
  return fmt::format(
      "<p class=\"verdict\">{} {}: <b>{}</b> <span>95 % interval {} … {}{}{}</span></p>\n",
      escaped(who), said, signed_figure(gain->mean), signed_figure(gain->low),
      signed_figure(gain->high), on, way);
}

std::string remarks(const RunFolder& run) {
  std::vector<std::string> all;
  auto add = [&](const Stage& stage) {
    const std::string who = stage.name.empty() ? "" : stage.name + ": ";
    if (!stage.summary) {
      all.push_back(who +
                    (stage.metrics.step.empty()
                         ? "not finished: there is no summary.json"
                         : fmt::format("not finished: there is no summary.json; the logs reach "
                                       "step {:.0f}",
                                       stage.metrics.step.back())));
    }
    for (const std::string& remark : stage.remarks) all.push_back(who + remark);
  };
  add(run.root);
  for (const Stage& stage : run.stages) add(stage);
  if (all.empty()) return "";
  std::string out = "<aside class=\"remarks\" role=\"note\"><b>Read with care</b><ul>";
  for (const std::string& remark : all) out += "<li>" + escaped(remark) + "</li>";
  return out + "</ul></aside>\n";
}

}  // namespace

std::string header_html(const RunFolder& run, const std::vector<Evaluated>& all) {
  const JsonPtr& summary = run.root.summary;
  std::string plate;
  auto add = [&](const char* name, const std::string& value, const std::string& title = "") {
    if (value.empty()) return;
    plate += fmt::format("<div><dt>{}</dt><dd{}>{}</dd></div>", name,
                         title.empty() ? "" : " title=\"" + escaped(title) + "\"", escaped(value));
  };
  auto add_number = [&](const char* name, const char* key, auto shown) {
    if (const double value = number(summary, key); std::isfinite(value)) add(name, shown(value));
  };
  const std::vector<const Stage*> logged = with_metrics(run);
  const std::string model = first_setting(run, {"model", "model_name_or_path"});
  add("Task", leaf(first_setting(run, {"env", "dataset_name"})));
  add("Model", leaf(model), model);
  add("Numbers", first_setting(run, {"dtype"}));
  std::string seed = first_setting(run, {"seed"});
  add("Seed", seed);
  if (!logged.empty()) add("Begun", day_and_time(logged.front()->metrics.time.front()));
  add("Machine", machine(summary));
  double seconds = number(summary, "seconds");
  double steps = 0, tokens = 0, largest = NAN, compared = 0;
  bool timed = std::isfinite(seconds);
  if (!timed) seconds = 0;
  for (const Stage* stage : logged) {
    const MetricTable& m = stage->metrics;
    steps += m.step.back();
    if (!timed) seconds += m.time.back() - m.time.front();
    if (const auto* column = m.find("num_tokens")) {
      const auto last = std::find_if(column->rbegin(), column->rend(),
                                     [](double value) { return std::isfinite(value); });
      if (last != column->rend()) tokens += *last;
    }
    if (const auto* column = m.find("sampling/sampling_logp_difference/max")) {
      for (double value : *column)
        if (std::isfinite(value)) largest = std::isnan(largest) ? value : std::max(largest, value);
    }
  }
  if (steps > 0) add("Steps", text::grouped(static_cast<int64_t>(steps)));
  if (seconds > 0) add("Training time", text::duration(seconds));
  if (tokens > 0) add("Tokens trained on", text::grouped(static_cast<int64_t>(tokens)));
  add_number("Speed", "tokens_per_second",
             [](double value) { return text::grouped(value, 0) + " tokens/s"; });
  add_number("Peak memory", "peak_bytes", [](double value) { return text::bytes(value); });
  add_number("Work", "tflop", [](double value) { return text::grouped(value, 1) + " TFLOP"; });
  if (summary && summary->contains("mismatch") && (*summary)["mismatch"].is_object()) {
    const Json& mismatch = (*summary)["mismatch"];
    if (mismatch.contains("compared") && mismatch["compared"].is_number())
      compared = mismatch["compared"].get<double>();
    if (mismatch.contains("max") && mismatch["max"].is_number())
      largest = mismatch["max"].get<double>();
  }
  if (std::isfinite(largest) && (compared > 0 || !summary)) {
    add("Mismatch",
        figure(largest) + (compared > 0
                               ? " in " + text::grouped(static_cast<int64_t>(compared)) + " tokens"
                               : ""),
        "largest difference between a token's log-prob as sampled and as recomputed in training");
  }
  return "<header><p class=\"kind\">temper report</p><h1>" + escaped(leaf(run.folder)) + "</h1>\n" +
         verdict(run, all) + remarks(run) + "<dl class=\"plate\">" + plate + "</dl></header>\n";
}

std::string plan_html(const RunFolder& run) {
  if (!run.root.summary) return "";
  const Json& summary = *run.root.summary;
  if (!summary.contains("plan") || !summary["plan"].is_object()) return "";
  std::string rows;
  for (const auto& [key, planned] : summary["plan"].items()) {
    auto shown = [&, &name = key](const Json& value) {
      if (!value.is_number()) return value.is_string() ? value.get<std::string>() : value.dump();
      const double number = value.get<double>();
      return name.ends_with("bytes")     ? text::bytes(number)
             : name.ends_with("seconds") ? text::duration(number)
                                         : figure(number);
    };
    std::string fact = "–", ratio = "–";
    if (summary.contains(key)) {
      fact = shown(summary[key]);
      if (planned.is_number() && summary[key].is_number() && planned.get<double>() > 0)
        ratio = text::fixed(summary[key].get<double>() / planned.get<double>(), 2);
    }
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                        escaped(key), escaped(shown(planned)), escaped(fact), ratio);
  }
  return "<section id=\"plan\"><h2>Prediction against fact</h2><div class=\"scroll\" "
         "tabindex=\"0\">"
         "<table><thead><tr><th></th><th scope=\"col\">planned</th><th scope=\"col\">happened</th>"
         "<th scope=\"col\">ratio</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></section>\n";
}

}  // namespace temper::report
