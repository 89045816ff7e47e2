// The document around the sections, and what each stage has of its own: curves, the decoded batch,
// rejected rows, its configuration.
#include "temper/app/report/page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "temper/app/report/asset.h"
#include "temper/app/report/curves.h"
#include "temper/app/report/html.h"
#include "temper/foundation/text/number.h"

namespace temper::report {
namespace {

constexpr size_t kBatchBytes = 16000, kConfigBytes = 40000, kRowBytes = 2000;

std::string axis_choice(const std::string& id) {
  std::string out = "<fieldset class=\"axis\"><legend>against</legend>";
  for (const char* axis : {"step", "tokens", "seconds"}) {
    out += fmt::format(
        "<label><input type=\"radio\" name=\"axis-{}\" value=\"{}\"{}><span>{}</span></label>", id,
        axis, std::string_view(axis) == "step" ? " checked" : "",
        std::string_view(axis) == "step" ? "steps" : axis);
  }
  return out + "</fieldset>";
}

std::string config_html(const Stage& stage, bool open) {
  if (stage.config.empty()) return "";
  return fmt::format(
      "<details{}><summary>Configuration{}</summary><pre class=\"scroll\" tabindex=\"0\">{}</pre>"
      "</details>\n",
      open ? " open" : "", stage.name.empty() ? "" : " of " + escaped(stage.name),
      escaped(shortened(stage.config, kConfigBytes)));
}

std::string rejected_html(const Stage& stage) {
  if (stage.rejected_count == 0) return "";
  std::string rows;
  for (const JsonPtr& row : stage.rejected) {
    std::string where = words(*row, "where"), reason = words(*row, "reason");
    if (where.empty() && row->contains("step")) where = "step " + (*row)["step"].dump();
    if (reason.empty()) reason = text::to_line(*row);
    rows += "<tr><th scope=\"row\">" + escaped(shortened(where, kRowBytes)) + "</th><td>" +
            escaped(shortened(reason, kRowBytes)) + "</td></tr>\n";
  }
  const std::string more =
      stage.rejected_count > std::ssize(stage.rejected)
          ? fmt::format("<p class=\"hint\">The first {} of {}.</p>", stage.rejected.size(),
                        text::grouped(stage.rejected_count))
          : "";
  return fmt::format(
      "<details><summary>Rejected rows <span>{}</span></summary><div class=\"scroll\" "
      "tabindex=\"0\">"
      "<table class=\"rows\"><thead><tr><th scope=\"col\">where</th><th scope=\"col\">why</th></tr>"
      "</thead><tbody>{}</tbody></table></div>{}</details>\n",
      text::grouped(stage.rejected_count), rows, more);
}

std::string batch_html(const Stage& stage) {
  if (stage.decoded_batch.empty()) return "";
  return "<details open><summary>A training batch, decoded; trained tokens are <span "
         "class=\"trained\">"
         "marked</span></summary><pre class=\"scroll batch\" tabindex=\"0\">" +
         trained_html(shortened(stage.decoded_batch, kBatchBytes)) + "</pre></details>\n";
}

struct StageSection {
  std::string html;
  JsonPtr data;
};

StageSection stage_section(const Stage& stage, size_t number, bool is_only) {
  const std::string id = fmt::format("stage-{}", number);
  const Curves drawn = curves(stage, fmt::format("c{}", number));
  std::string title = stage.name;
  if (title.empty() && stage.summary) title = words(*stage.summary, "command");
  std::string html = drawn.html;
  if (drawn.rows_per_point > 1) {
    html += fmt::format(
        "<p class=\"hint\">Each point stands for {} logged steps: their mean, or "
        "the largest where the figure is a largest.</p>\n",
        drawn.rows_per_point);
  }
  html += batch_html(stage) + rejected_html(stage) + config_html(stage, is_only);
  if (html.empty()) return {"", nullptr};
  std::string head = is_only ? "Training" : "Stage: " + title;
  return {
      fmt::format("<section id=\"{}\" class=\"stage\"><div class=\"head\"><h2>{}</h2>{}</div>\n{}"
                  "</section>\n",
                  id, escaped(head), drawn.html.empty() ? "" : axis_choice(id), html),
      drawn.data};
}

}  // namespace

std::string page(const RunFolder& run) {
  const std::vector<Evaluated> all = evaluations(run);
  const std::string header = header_html(run, all);
  const std::string evaluation = evaluation_html(all), samples = samples_html(run, all);
  std::string links, stages;
  auto link = [&](const std::string& id, const std::string& text) {
    links += "<a href=\"#" + id + "\">" + escaped(text) + "</a>";
  };
  if (!evaluation.empty()) link("evaluation", "Evaluation");
  Json data = Json::array();
  auto add = [&](const Stage& stage, size_t number, bool is_only) {
    const StageSection section = stage_section(stage, number, is_only);
    if (section.html.empty()) return;
    stages += section.html;
    if (section.data) data.push_back(*section.data);
    link(fmt::format("stage-{}", number), is_only ? "Training" : stage.name);
  };
  if (!run.root.metrics.step.empty() || run.stages.empty()) add(run.root, 0, run.stages.empty());
  for (size_t i = 0; i < run.stages.size(); ++i) add(run.stages[i], i + 1, false);
  if (!samples.empty()) link("samples", "Samples");
  std::string rest = plan_html(run);
  if (!rest.empty()) link("plan", "Plan");
  if (!run.stages.empty()) {
    const std::string own = rejected_html(run.root) + config_html(run.root, true);
    if (!own.empty()) {
      link("configuration", "Configuration");
      rest += "<section id=\"configuration\"><h2>Configuration</h2>\n" + own + "</section>\n";
    }
  }
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>" +
      escaped(leaf(run.folder)) + " · temper report</title>\n<style>\n";
  out += page_css();
  out +=
      "</style></head>\n<body>\n<div class=\"strip\"></div>\n<main>\n" + header +
      "<nav aria-label=\"Sections\">" + links + "</nav>\n" +
      "<noscript><p class=\"hint\">The curves need JavaScript; all else is here.</p></noscript>\n" +
      evaluation + stages + samples + rest + "</main>\n<footer>Made by temper from the files of " +
      escaped(run.folder) + ". This page needs no network.</footer>\n";
  out += "<script type=\"application/json\" id=\"data\">" + script_json(data) +
         "</script>\n<script>\n";
  out += chart_js();
  out += "\n</script>\n<script>\n";
  out += page_js();
  return out + "</script>\n</body></html>\n";
}

}  // namespace temper::report
