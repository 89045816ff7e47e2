// Answers to the same prompt before and after: the biggest gains, some that stayed, some that fell.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/app/report/html.h"
#include "temper/app/report/page.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

constexpr size_t kShown = 12, kBetter = 6, kWorse = 3;
constexpr size_t kAnswerBytes = 3000;

struct Change {
  int64_t prompt;
  double gain, after;
};

std::string chips(const Sample& sample) {
  std::string out;
  for (const PartScore& part : sample.parts) {
    const double score = part.score.value_or(0);
    const char* kind = !part.score ? "failed" : score >= 1 ? "full" : score > 0 ? "some" : "none";
    out += fmt::format("<li class=\"{}\" title=\"weight {}\">{} <b>{}</b></li>", kind,
                       text::fixed(part.weight, 2), escaped(part.name),
                       part.score ? text::fixed(score, 2) : "not scored");
  }
  return "<ul class=\"chips\">" + out + "</ul>";
}

std::string answer_column(const std::string& label, const Sample& sample) {
  std::string reward = sample.reward ? text::fixed(*sample.reward, 2) : escaped(sample.outcome);
  std::string note = sample.finish == "length" ? " · cut at the limit" : "";
  if (!sample.reward && !sample.reason.empty()) note += " · " + escaped(sample.reason);
  return fmt::format(
      "<div class=\"answer\"><h4><span>{}</span><output>{}</output></h4><pre>{}</pre>{}"
      "<small>{} tokens{}</small></div>",
      escaped(label), reward, answer_html(shortened(sample.completion, kAnswerBytes)),
      chips(sample), sample.tokens, note);
}

std::string prompt_html(const Sample& sample) {
  std::string out =
      "<pre class=\"prompt\">" + answer_html(shortened(sample.prompt, 3000)) + "</pre>";
  if (!sample.answer.empty()) {
    out += "<div class=\"reference\"><h4>Reference</h4><pre>" +
           answer_html(shortened(sample.answer, kAnswerBytes)) + "</pre></div>";
  }
  return out;
}

/// A system prompt that all have is told once.
std::string system_html(const std::set<std::string>& systems) {
  if (systems.size() != 1 || systems.begin()->empty()) return "";
  return "<details><summary>The system prompt of all of them</summary><pre>" +
         answer_html(shortened(*systems.begin(), 4000)) + "</pre></details>\n";
}

/// Of the last evaluation on the one before it: what the last stage did.
std::vector<Change> changes(const std::vector<const Evaluated*>& shown) {
  std::vector<Change> all;
  for (const auto& [prompt, before] : shown[shown.size() - 2]->phase->samples) {
    const auto after = shown.back()->phase->samples.find(prompt);
    if (after == shown.back()->phase->samples.end() || !before.reward || !after->second.reward)
      continue;
    all.push_back({prompt, *after->second.reward - *before.reward, *after->second.reward});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Change& a, const Change& b) { return a.gain > b.gain; });
  return all;
}

/// At most kShown, the largest gain first.
std::vector<Change> chosen(const std::vector<Change>& all) {
  const auto same_begin = std::find_if(all.begin(), all.end(), [](auto& c) { return c.gain <= 0; });
  const auto worse_begin = std::find_if(same_begin, all.end(), [](auto& c) { return c.gain < 0; });
  const size_t better = static_cast<size_t>(same_begin - all.begin()),
               same = static_cast<size_t>(worse_begin - same_begin),
               worse = static_cast<size_t>(all.end() - worse_begin);
  const size_t take_worse = std::min(kWorse, worse);
  const size_t take_same = std::min(same, kShown - take_worse - std::min(kBetter, better));
  const size_t take_better = std::min(better, kShown - take_worse - std::min<size_t>(take_same, 3));
  std::vector<Change> out(all.begin(), all.begin() + static_cast<ptrdiff_t>(take_better));
  // Of those that stayed, the ones that are wrong tell more.
  std::vector<Change> stayed(same_begin, worse_begin);
  std::stable_sort(stayed.begin(), stayed.end(),
                   [](const Change& a, const Change& b) { return a.after < b.after; });
  stayed.resize(std::min(take_same, kShown - take_worse - take_better));
  out.insert(out.end(), stayed.begin(), stayed.end());
  out.insert(out.end(), all.end() - static_cast<ptrdiff_t>(take_worse), all.end());
  return out;
}

std::string compared_html(const std::vector<const Evaluated*>& shown) {
  const std::vector<Change> all = changes(shown);
  if (all.empty()) return "";
  size_t better = 0, worse = 0;
  for (const Change& change : all) {
    better += change.gain > 0 ? 1 : 0;
    worse += change.gain < 0 ? 1 : 0;
  }
  std::set<std::string> systems;
  std::string rows;
  for (const Change& change : chosen(all)) {
    const Sample& first = shown.back()->phase->samples.at(change.prompt);
    systems.insert(first.system);
    std::string columns;
    for (const Evaluated* e : shown) {
      const auto sample = e->phase->samples.find(change.prompt);
      if (sample != e->phase->samples.end()) columns += answer_column(e->label, sample->second);
    }
    const char* kind = change.gain > 0 ? "better" : change.gain < 0 ? "worse" : "same";
    rows += fmt::format(
        "<article class=\"{}\"><h3>Prompt {} <span>{}</span></h3><div class=\"asked\">{}</div>"
        "<div class=\"answers\">{}</div></article>\n",
        kind, change.prompt, change.gain == 0 ? "unchanged" : signed_figure(change.gain),
        prompt_html(first), columns);
  }
  return fmt::format(
      "<section id=\"samples\"><h2>Samples before and after</h2>\n<p class=\"hint\">The first "
      "answer "
      "to each of {} prompts, {} against {}: {} better, {} unchanged, {} worse. Shown are the "
      "biggest "
      "gains, some unchanged, and the biggest losses.</p>\n{}{}</section>\n",
      all.size(), escaped(shown.back()->label), escaped(shown[shown.size() - 2]->label), better,
      all.size() - better - worse, worse, system_html(systems), rows);
}

std::string training_html(const RunFolder& run) {
  std::string out;
  std::set<std::string> systems;
  auto add = [&](const Stage& stage) {
    for (const auto* part : {&stage.first, &stage.last}) {
      size_t count = 0;
      for (const Sample& sample : *part) {
        if (++count > 3) break;
        systems.insert(sample.system);
        out += fmt::format(
            "<article><h3>{} step {}</h3><div class=\"asked\">{}</div><div "
            "class=\"answers\">{}</div>"
            "</article>\n",
            escaped(stage.name), sample.step, prompt_html(sample),
            answer_column(part == &stage.first ? "At the start" : "At the end", sample));
      }
    }
  };
  add(run.root);
  for (const Stage& stage : run.stages) add(stage);
  if (out.empty()) return "";
  return "<section id=\"samples\"><h2>Samples from training</h2>\n" + system_html(systems) + out +
         "</section>\n";
}

}  // namespace

std::string samples_html(const RunFolder& run, const std::vector<Evaluated>& all) {
  std::vector<const Evaluated*> shown;
  for (const Evaluated& e : all) {
    if (e.phase != nullptr) shown.push_back(&e);
  }
  // Three columns at most: the first, the one before the last, and the last.
  if (shown.size() > 3) shown.erase(shown.begin() + 1, shown.end() - 2);
  const std::string compared = shown.size() < 2 ? "" : compared_html(shown);
  return compared.empty() ? training_html(run) : compared;
}

}  // namespace temper::report
