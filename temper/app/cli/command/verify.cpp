// verify: answers judged by one verifier.
//
//   {"answer", "reference"?, "completion"?, …}  ->  {"score", "outcome", "reason"}
//
// `completion` is the whole assistant text (the answer, when absent). All other keys, and those of
// an object `info`, are the row's columns that a verifier may read. The score is null unless the
// outcome is "scored": a verifier that failed is not a score of 0.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/world/reward/verifier.h"

namespace temper::cli::verify {

struct Options {
  std::string verifier;
  std::string options = "{}";
  bool list = false;
  InputOptions lines;
};
void describe(config::Fields<Options>& f) {
  f.add("verifier", &Options::verifier, "its name; --list shows them all");
  f.add("options", &Options::options, "its options as a JSON object");
  f.add("list", &Options::list, "print the verifiers, their ranges and options");
  f.include(&Options::lines);
}

void print_list() {
  for (const reward::NamedVerifier& row : reward::verifier_catalogue()) {
    std::string names;
    const Json schema = row.member->schema();
    if (schema.contains("properties")) {
      for (const auto& [name, about] : schema["properties"].items()) {
        names += (names.empty() ? "options: " : ", ") + name;
      }
    }
    runlog::print(fmt::format("{:<12} {:>4} … {:<4} {}{}\n", row.name, row.member->lowest,
                              row.member->highest, row.member->summary,
                              names.empty() ? "" : "\n" + std::string(25, ' ') + names));
  }
}

/// Text as it is, a number as it is written.
std::string text_or_number(Line& line, const std::string& key) {
  const Json* held = line.find(key);
  if (held != nullptr && held->is_number()) return held->dump();
  return line.text(key).value_or("");
}

Json answer(const Json& value, const reward::Judge& judge) {
  Line line(value);
  if (!line.has("answer")) throw Error({"the line has no 'answer'", "", ""});
  reward::Attempt attempt;
  attempt.answer = text_or_number(line, "answer");
  attempt.reference = text_or_number(line, "reference");
  attempt.completion = line.text("completion").value_or(attempt.answer);
  const Json* columns = line.find("info");
  Json info = line.rest();
  if (columns != nullptr && columns->is_object()) {
    for (const auto& [key, held] : columns->items()) info[key] = held;
  }
  attempt.info = std::make_shared<const Json>(std::move(info));
  const reward::Score score = judge(attempt);
  const bool scored = score.outcome == reward::Outcome::Scored;
  return {{"score", scored ? Json(score.value) : Json()},
          {"outcome", std::string(reward::name(score.outcome))},
          {"reason", score.reason}};
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const char* usage = "--verifier V [--options JSON] < lines.jsonl     temper verify --list";
  if (ask(config::bind(options), args, "verify", usage).help) return Exit::Done;
  if (options.list) {
    print_list();
    return Exit::Done;
  }
  if (options.verifier.empty()) {
    throw Error({"option 'verifier' is required", "command line",
                 "add --verifier NAME; temper verify --list shows them"});
  }
  const reward::Judge judge = reward::make_judge(
      options.verifier, text::parse_json(options.options, "--options"), "--options");
  each_line(options.lines.input, context, [&](const Json& line) { return answer(line, judge); });
  return ended(context);
}

extern const Command entry = {"plumbing", "answers judged by one verifier", run};

}  // namespace temper::cli::verify
