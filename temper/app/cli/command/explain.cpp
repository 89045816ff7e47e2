// explain: the pages of docs/ in the terminal, and which method to take.
#include "temper/app/cli/command.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "temper/app/explain/choose.h"
#include "temper/app/explain/inline.h"
#include "temper/app/explain/render.h"
#include "temper/app/explain/topic.h"
#include "temper/foundation/text/json.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/utf8.h"

namespace temper::cli::explain {

struct Options {
  std::string level = "practice";
  bool list_json = false, choose = false;
  std::optional<std::string> data, reward, model_parameters;
  std::optional<double> memory;
};
void describe(config::Fields<Options>& f) {
  f.add("level", &Options::level,
        "concept: the plain words; practice: formula, example, options, pitfalls too; research: "
        "derivation and references too")
      .choices({"concept", "practice", "research"});
  f.add("list_json", &Options::list_json, "print every topic as JSON");
  f.group("choose");
  f.add("choose", &Options::choose, "name a method for what you have; asks for what is not given");
  f.add("data", &Options::data, "what there is to learn from").choices(temper::explain::kData);
  f.add("reward", &Options::reward, "what can judge a new answer: a rule, a model, or nothing")
      .choices(temper::explain::kReward);
  f.add("memory", &Options::memory, "GB that training may take").above(0);
  f.add("model_parameters", &Options::model_parameters, "size of the model: 135M, 1.5B");
}

temper::explain::Level level_of(const std::string& name) {
  using temper::explain::Level;
  return name == "concept"    ? Level::Concept
         : name == "practice" ? Level::Practice
                              : Level::Research;
}

void list(const Context& context) {
  constexpr int kName = 16;
  std::string text = "usage: temper explain NAME [--level concept|practice|research]\n";
  for (const auto& [kind, heading] : temper::explain::kinds()) {
    std::string rows;
    for (const temper::explain::Page& page : temper::explain::pages()) {
      if (page.kind != kind) continue;
      std::string name = page.name + " ";
      name.resize(std::max<size_t>(name.size(), kName), ' ');
      rows += "  " + name +
              text::wrap(page.summary, std::max(20, context.terminal.width - kName - 2),
                         std::string(kName + 2, ' ')) +
              "\n";
    }
    if (rows.empty()) continue;
    text += "\n" + runlog::paint(context.terminal, runlog::Color::Bold, std::string(heading)) +
            "\n" + rows;
  }
  runlog::print(text +
                "\nNames of loss types (ipo, simpo, cispo, …) are explained too.\n"
                "`temper explain --choose` names a method for what you have.\n");
}

void list_json() {
  Json all = Json::array();
  for (const temper::explain::Page& page : temper::explain::pages()) {
    all.push_back({{"name", page.name}, {"kind", page.kind}, {"summary", page.summary}});
  }
  runlog::print(text::to_line(all) + "\n");
}

struct Question {
  std::string flag, text;
  std::vector<std::string> choices;  ///< empty: any answer
};

/// Asks for what is missing; where nobody can be asked, an error names the flag.
std::string answer_to(const Question& question, const std::optional<std::string>& given,
                      const Context& context) {
  if (given) return *given;
  std::string text = question.text;
  for (size_t i = 0; i < question.choices.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + question.choices[i];
  }
  if (!context.terminal.tty || isatty(STDIN_FILENO) != 1) {
    throw UsageError(Error({"option '" + question.flag + "' is required", "temper explain --choose",
                            "--" + question.flag + ": " + text}));
  }
  std::string line;
  while (true) {
    runlog::print(text + " > ");
    if (!std::getline(std::cin, line) || context.stopped()) {
      throw Error({"there was no answer", "temper explain --choose", "--" + question.flag});
    }
    const auto& all = question.choices;
    if (all.empty() || std::find(all.begin(), all.end(), line) != all.end()) return line;
  }
}

double memory_from(const std::string& answer) {
  const std::optional<double> gb = text::parse_double(answer);
  if (gb && *gb > 0) return *gb;
  throw UsageError(Error({"memory: wanted a number of GB above 0, got '" + answer + "'",
                          "temper explain --choose", "--memory 24"}));
}

void choose(const Options& o, const Context& context) {
  temper::explain::Situation situation;
  situation.data =
      answer_to({"data", "what there is to learn from", temper::explain::kData}, o.data, context);
  situation.reward = answer_to({"reward", "what can judge a new answer", temper::explain::kReward},
                               o.reward, context);
  situation.parameters = temper::explain::parameters_from(answer_to(
      {"model_parameters", "size of the model, such as 135M", {}}, o.model_parameters, context));
  situation.memory_gb =
      o.memory ? *o.memory
               : memory_from(answer_to({"memory", "GB that training may take", {}}, {}, context));
  const auto has = [](std::string_view method) {
    const auto commands = command_catalogue();
    return std::any_of(commands.begin(), commands.end(),
                       [&](const NamedCommand& row) { return row.name == method; });
  };
  runlog::print(temper::explain::rendered(
      temper::explain::text_of(temper::explain::advise(situation, has)), context.terminal));
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const Asked asked = ask(config::bind(options), args, "explain",
                          "[NAME] [--level concept|practice|research] | --list_json | --choose", 1);
  if (asked.help) return Exit::Done;
  const std::string name = asked.positional.empty() ? "" : asked.positional[0];
  if (!name.empty() && (options.choose || options.list_json)) {
    throw UsageError(Error({"wanted a NAME, --choose or --list_json, got two of them",
                            "temper explain", "temper explain --help"}));
  }
  if (options.choose) {
    choose(options, context);
  } else if (options.list_json) {
    list_json();
  } else if (name.empty()) {
    list(context);
  } else {
    runlog::print(temper::explain::rendered(
        temper::explain::explained(name, level_of(options.level)), context.terminal));
  }
  return Exit::Done;
}

extern const Command entry = {
    .group = "look", .summary = "explain a method or an idea, or choose one", .run = run};

}  // namespace temper::cli::explain
