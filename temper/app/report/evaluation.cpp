// The evaluations side by side: each measure with its 95 % interval, drawn on one scale a row.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/app/report/html.h"
#include "temper/app/report/page.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

struct Cell {
  double mean = NAN, low = NAN, high = NAN;  ///< low is NaN: no interval
};
struct Measure {
  std::string name;
  double scale;  ///< full width of the track; 0: no track
  std::vector<Cell> cells;
};

std::string label_of(const std::string& phase, const RunFolder& run) {
  if (phase == "after" && !run.stages.empty())
    return label_of("after_" + run.stages.back().name, run);
  std::string label = phase;
  std::replace(label.begin(), label.end(), '_', ' ');
  if (label.starts_with("after ")) {
    for (size_t i = 6; i < label.size(); ++i)
      label[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(label[i])));
  }
  if (!label.empty())
    label[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(label[0])));
  return label;
}

Cell cell_of(const Json& figures, const std::string& name) {
  Cell cell;
  if (figures.contains(name) && figures[name].is_number()) cell.mean = figures[name].get<double>();
  const auto range = figures.find(name + "_interval");
  if (range != figures.end() && range->is_array() && range->size() == 2 &&
      (*range)[0].is_number() && (*range)[1].is_number()) {
    cell.low = (*range)[0].get<double>();
    cell.high = (*range)[1].get<double>();
  }
  return cell;
}

/// The same figures from the answers themselves.
Json figures_of(const Phase& phase) {
  std::vector<double> rewards;
  std::map<std::string, std::vector<double>> parts;
  double answers = 0, cut = 0, tokens = 0, unscored = 0;
  int64_t most = 0;
  for (const auto& [id, tally] : phase.prompts) {
    const double scored = static_cast<double>(tally.scored);
    most = std::max(most, tally.answers);
    answers += static_cast<double>(tally.answers);
    cut += static_cast<double>(tally.cut);
    tokens += static_cast<double>(tally.tokens);
    unscored += static_cast<double>(tally.answers) - scored;
    if (tally.scored == 0) continue;
    rewards.push_back(tally.reward / scored);
    for (const auto& [name, total] : tally.parts) parts[name].push_back(total / scored);
  }
  Json figures = Json::object();
  auto add = [&](const std::string& name, const std::vector<double>& values) {
    const Interval i = interval(values);
    figures[name] = i.mean;
    figures[name + "_interval"] = {i.low, i.high};
  };
  add("reward", rewards);
  for (const std::string& name : phase.part_names) add(name, parts[name]);
  figures["prompts"] = phase.prompts.size();
  figures["samples"] = most;
  for (int64_t k : statistics::pass_counts(most)) {
    double passed = 0;
    for (const auto& [id, t] : phase.prompts)
      passed += statistics::pass_at_k(t.scored, t.right, std::min(k, t.scored));
    figures["pass@" + std::to_string(k)] = passed / std::max(1.0, std::ssize(rewards) * 1.0);
  }
  figures["mean_length"] = tokens / std::max(1.0, answers);
  figures["truncated"] = cut / std::max(1.0, answers);
  figures["unscored"] = unscored;
  return figures;
}

std::string track(const Cell& cell, double scale) {
  auto place = [&](double value) { return std::clamp(100 * value / scale, 0.0, 100.0); };
  std::string whisker;
  if (std::isfinite(cell.low)) {
    whisker = fmt::format("<i style=\"left:{:.2f}%;width:{:.2f}%\"></i>", place(cell.low),
                          place(cell.high) - place(cell.low));
  }
  return fmt::format(
      "<span class=\"track\" aria-hidden=\"true\">{}<b style=\"left:{:.2f}%\"></b>"
      "</span>",
      whisker, place(cell.mean));
}

/// Two digits; what rounds to nothing has no sign.
std::string two_digits(double value) {
  return text::fixed(std::abs(value) < 0.005 ? 0 : value, 2);
}

std::string cell_html(const Cell& cell, double scale) {
  if (!std::isfinite(cell.mean)) return "<td>–</td>";
  std::string out = "<td><span class=\"value\">" +
                    text::fixed(cell.mean, scale > 0                            ? 3
                                           : cell.mean == std::floor(cell.mean) ? 0
                                                                                : 1) +
                    "</span>";
  if (std::isfinite(cell.low)) {
    out += "<small>" + two_digits(cell.low) + " … " + two_digits(cell.high) + "</small>";
  }
  return out + (scale > 0 ? track(cell, scale) : "") + "</td>";
}

}  // namespace

Gain paired_gain(const Phase& before, const Phase& after) {
  std::vector<double> gains;
  for (const auto& [id, b] : before.prompts) {
    const auto a = after.prompts.find(id);
    if (a == after.prompts.end() || b.scored == 0 || a->second.scored == 0) continue;
    gains.push_back(a->second.reward / static_cast<double>(a->second.scored) -
                    b.reward / static_cast<double>(b.scored));
  }
  return {interval(gains), gains.size()};
}

std::vector<Evaluated> evaluations(const RunFolder& run) {
  std::vector<Evaluated> all;
  const Json* known = nullptr;
  if (run.root.summary && run.root.summary->contains("eval") &&
      (*run.root.summary)["eval"].is_object())
    known = &(*run.root.summary)["eval"];
  auto add = [&](const Phase& phase, const std::string& where) {
    JsonPtr figures;
    std::string label = label_of(phase.name, run);
    if (phase.name == "eval") label = fmt::format("{}step {}", where, phase.step);
    if (known != nullptr && where.empty() && known->contains(phase.name) &&
        (*known)[phase.name].is_object())
      figures = std::make_shared<const Json>((*known)[phase.name]);
    all.push_back({label, &phase, figures});
  };
  for (const Phase& phase : run.root.phases) add(phase, "");
  if (known != nullptr) {  // evaluations whose rollouts are gone
    for (const auto& [name, figures] : known->items()) {
      const bool has = std::any_of(run.root.phases.begin(), run.root.phases.end(),
                                   [&, &key = name](const Phase& p) { return p.name == key; });
      if (!has && figures.is_object())
        all.push_back({label_of(name, run), nullptr, std::make_shared<const Json>(figures)});
    }
  }
  if (!all.empty()) return all;
  for (const Stage& stage : run.stages) {
    for (const Phase& phase : stage.phases) add(phase, stage.name + " ");
  }
  return all;
}

std::string evaluation_html(const std::vector<Evaluated>& all) {
  if (all.empty()) return "";
  std::vector<Json> figures;
  for (const Evaluated& e : all) figures.push_back(e.summary ? *e.summary : figures_of(*e.phase));
  std::vector<Measure> measures;
  for (const Json& of_phase : figures) {
    for (const auto& [name, value] : of_phase.items()) {
      const bool seen = std::any_of(measures.begin(), measures.end(),
                                    [&, &key = name](const Measure& m) { return m.name == key; });
      if (seen || !value.is_number() || name == "prompts" || name == "samples") continue;
      Measure measure{name, name == "mean_length" || name == "unscored" ? 0.0 : 1.0, {}};
      for (size_t i = 0; i < all.size(); ++i) {
        measure.cells.push_back(cell_of(figures[i], name));
        const Cell& cell = measure.cells.back();
        if (measure.scale == 0) continue;
        if (name == "reward" && all[i].phase != nullptr)
          measure.scale = std::max(measure.scale, all[i].phase->highest);
        for (double end : {cell.mean, cell.high})
          if (std::isfinite(end)) measure.scale = std::max(measure.scale, end);
      }
      measures.push_back(std::move(measure));
    }
  }
  std::string head, gains, body;
  for (size_t i = 0; i < all.size(); ++i) {
    head += "<th scope=\"col\">" + escaped(all[i].label);
    if (figures[i].contains("prompts") && figures[i].contains("samples")) {
      head += fmt::format("<small>{} prompts × {}</small>", escaped(figures[i]["prompts"].dump()),
                          escaped(figures[i]["samples"].dump()));
    }
    head += "</th>";
    const Evaluated* before = i == 0 ? nullptr : &all[i - 1];
    if (before == nullptr || before->phase == nullptr || all[i].phase == nullptr) {
      gains += "<td>–</td>";
      continue;
    }
    const Gain g = paired_gain(*before->phase, *all[i].phase);
    gains += g.prompts == 0 ? "<td>–</td>"
                            : fmt::format(
                                  "<td><span class=\"value\">{}</span><small>{} … {}</small>"
                                  "<small>{} prompts in both</small></td>",
                                  signed_figure(g.gain.mean), signed_figure(g.gain.low),
                                  signed_figure(g.gain.high), g.prompts);
  }
  static const std::map<std::string, std::string> titles = {{"reward", "Reward"},
                                                            {"mean_length", "Mean length, tokens"},
                                                            {"truncated", "Cut at the limit"},
                                                            {"unscored", "Not scored"}};
  for (const Measure& measure : measures) {
    const auto title = titles.find(measure.name);
    body += "<tr><th scope=\"row\">" +
            escaped(title == titles.end() ? measure.name : title->second) +
            (measure.name == "reward" ? "<small>of " + text::fixed(measure.scale, 2) + "</small>"
                                      : "") +
            "</th>";
    for (const Cell& cell : measure.cells) body += cell_html(cell, measure.scale);
    body += "</tr>\n";
    if (measure.name == "reward" && all.size() > 1)
      body += "<tr><th scope=\"row\">Gain<small>on the column before, paired</small></th>" + gains +
              "</tr>\n";
  }
  return "<section id=\"evaluation\"><h2>Evaluation</h2>\n"
         "<div class=\"scroll\" tabindex=\"0\"><table class=\"measures\"><thead><tr><th></th>" +
         head + "</tr></thead><tbody>\n" + body +
         "</tbody></table></div>\n"
         "<p class=\"hint\">Held-out prompts. Ranges are 95 % intervals of the mean over prompts; "
         "an answer passes when it earns the highest reward there is.</p></section>\n";
}

}  // namespace temper::report
