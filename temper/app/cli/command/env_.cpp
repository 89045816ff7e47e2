// env: lists the environments, proves that one is well formed, or lets a person play it.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/world/env/check.h"
#include "temper/world/env/task.h"

namespace temper::cli::env_ {

struct Options {
  std::string env_args = "{}";
  int64_t rows = 64, row = 0, seed = 42;
  std::string split = "held_out";
  bool json = false;
};
void describe(config::Fields<Options>& f) {
  f.add("env_args", &Options::env_args, "the task's options as a JSON object");
  f.add("seed", &Options::seed, "of generated rows").at_least(0);
  f.group("list, check");
  f.add("json", &Options::json, "print JSON");
  f.add("rows", &Options::rows, "rows of each part to check").at_least(1);
  f.group("play");
  f.add("row", &Options::row, "which row to play").at_least(0);
  f.add("split", &Options::split, "of which part").choices({"train", "held_out"});
}

void list(bool json) {
  for (const env::NamedTask& row : env::task_catalogue()) {
    const Json schema = row.member->schema();
    std::string names;
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, about] : properties.items()) {
      names += (names.empty() ? "" : ", ") + name;
    }
    if (json) {
      runlog::print(text::to_line({{"name", std::string(row.name)},
                                   {"summary", std::string(row.member->summary)},
                                   {"options", schema}}) +
                    "\n");
    } else {
      runlog::print(fmt::format("{:<14} {}\n{:14} options: {}\n", row.name, row.member->summary, "",
                                names.empty() ? "none" : names));
    }
  }
  if (!json) runlog::print("or the path of an environment's YAML file (docs/environments.md)\n");
}

Exit check(const env::Environment& environment, const Options& options) {
  const env::Check result =
      env::check(environment, {.rows = options.rows, .seed = static_cast<uint64_t>(options.seed)});
  runlog::print(options.json ? text::to_line(env::to_json(result)) + "\n" : env::table(result));
  return result.passed() ? Exit::Done : Exit::BadInput;
}

/// Lines up to one with a single dot, or to the end; nothing when there was no line.
std::optional<std::string> read_answer() {
  std::string text, line;
  bool any = false;
  while (std::getline(std::cin, line)) {
    if (any && line == ".") return text;
    if (line == ".") return "";
    text += (any ? "\n" : "") + line;
    any = true;
  }
  return any ? std::optional(text) : std::nullopt;
}

void print_verdict(const reward::Verdict& verdict) {
  for (const reward::PartScore& part : verdict.parts) {
    const bool scored = part.score.outcome == reward::Outcome::Scored;
    runlog::print(fmt::format("{:<12} {:>8}  × {:<5} {}\n", part.name,
                              scored ? fmt::format("{:.3f}", part.score.value)
                                     : std::string(reward::name(part.score.outcome)),
                              part.weight, part.score.reason));
  }
  const bool scored = verdict.outcome == reward::Outcome::Scored;
  runlog::print(fmt::format("{:<12} {:>8}\n", "reward",
                            scored ? fmt::format("{:.3f}", verdict.reward)
                                   : std::string(reward::name(verdict.outcome))) +
                (scored || verdict.reason.empty() ? "" : verdict.reason + "\n"));
}

Exit play(const env::Environment& environment, const Options& options, const Context& context) {
  const env::Split split = options.split == "train" ? env::Split::Train : env::Split::HeldOut;
  const env::Row row = environment.row(split, options.row, static_cast<uint64_t>(options.seed));
  const std::unique_ptr<env::Episode> episode = environment.begin(row);
  size_t shown = 0;
  while (!episode->done()) {
    const std::vector<chat::Message>& messages = episode->messages();
    for (; shown < messages.size(); ++shown) {
      if (messages[shown].role == "assistant") continue;
      runlog::print(runlog::paint(context.terminal, runlog::Color::Bold, messages[shown].role) +
                    "\n" + messages[shown].content + "\n\n");
    }
    if (!context.terminal.quiet) {
      runlog::print(runlog::paint(context.terminal, runlog::Color::Dim,
                                  "your answer, then a line with a single dot:") +
                    "\n");
    }
    const std::optional<std::string> answer = read_answer();
    if (context.stopped()) return Exit::Interrupted;
    if (!answer) throw Error({"there was no answer", "standard input", "type one, or pipe it in"});
    episode->step(*answer);
  }
  runlog::print("\n");
  print_verdict(episode->score());
  const std::string right = environment.demonstration(row);
  if (!right.empty() && !context.terminal.quiet) {
    runlog::print("\n" + runlog::paint(context.terminal, runlog::Color::Dim, "a right answer") +
                  "\n" + right + "\n");
  }
  return Exit::Done;
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const Asked asked =
      ask(config::bind(options), args, "env", "list | check NAME | play NAME  [options]", 2);
  if (asked.help) return Exit::Done;
  const std::string what = asked.positional.empty() ? "" : asked.positional[0];
  if (what == "list" && asked.positional.size() == 1) {
    list(options.json);
    return Exit::Done;
  }
  if ((what != "check" && what != "play") || asked.positional.size() != 2) {
    throw Error({"wanted 'list', 'check NAME' or 'play NAME'", "temper env", "temper env --help"});
  }
  const std::unique_ptr<env::Environment> environment =
      env::make_environment(asked.positional[1], text::parse_json(options.env_args, "--env_args"));
  return what == "check" ? check(*environment, options) : play(*environment, options, context);
}

extern const Command entry = {"look", "list, check or play environments", run};

}  // namespace temper::cli::env_
