#include "temper/app/cli/command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "temper/foundation/text/json.h"

namespace temper::cli {

Asked ask(const config::Binding& binding, std::span<const std::string> args,
          std::string_view command, std::string_view usage, size_t most_positional) {
  Asked asked;
  try {
    asked.parsed = config::parse(binding, args, std::string(command));
  } catch (const Error& error) {
    throw UsageError(error);
  }
  asked.help = asked.parsed.help;
  asked.positional = asked.parsed.positional;
  if (asked.help) {
    runlog::print(
        config::help(binding, "usage: temper " + std::string(command) + " " + std::string(usage)));
    return asked;
  }
  if (asked.positional.size() > most_positional) {
    throw UsageError(
        Error({"'" + asked.positional[most_positional] + "' is one word too many",
               "temper " + std::string(command), "temper " + std::string(command) + " --help"}));
  }
  return asked;
}

namespace {

/// What `make` gives, or the error that it threw as a line of its own.
Json answer_or_error(const std::function<Json()>& make, const std::string& where) {
  try {
    return make();
  } catch (const Error& error) {
    return {{"error", error.at(where).what()}};
  } catch (const Json::exception& error) {
    const std::string why = std::string("a value has the wrong type: ") + error.what();
    return {{"error", Error({why, where, ""}).what()}};
  }
}

}  // namespace

void each_batch(const std::string& input, const Context& context, const LineBatch& batch) {
  std::ifstream file;
  if (!input.empty()) {
    file.open(input);
    if (!file) throw Error({"cannot read the file", input, "check its path and permissions"});
  }
  std::istream& in = input.empty() ? std::cin : file;
  struct Begun {
    std::string where;
    std::function<Json()> answer;
  };
  std::vector<Begun> begun;
  auto flush = [&] {
    if (begun.empty()) return;
    batch.work();
    for (const Begun& line : begun) {
      runlog::print(text::to_line(answer_or_error(line.answer, line.where)) + "\n");
    }
    begun.clear();
  };
  std::string line;
  int64_t number = 0;
  while (!context.stopped() && runlog::has_reader() && std::getline(in, line)) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Begun& next = begun.emplace_back();
    next.where = (input.empty() ? "line " : input + ", line ") + std::to_string(number);
    const Json failed = answer_or_error(
        [&]() -> Json {
          const Json value = text::parse_json(line, "");
          if (!value.is_object()) throw Error({"wanted a JSON object", "", ""});
          next.answer = batch.begin(value);
          return {};
        },
        next.where);
    if (!failed.is_null()) next.answer = [failed] { return failed; };
    if (begun.size() >= batch.most) flush();
  }
  flush();
}

void each_line(const std::string& input, const Context& context,
               const std::function<Json(const Json& line)>& answer) {
  each_batch(input, context,
             {.begin = [&](const Json& line) { return [&answer, line] { return answer(line); }; },
              .work = [] {}});
}

bool reads_file(const std::string& input) {
  struct stat info {};
  return !input.empty() || (::fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode));
}

void describe(config::Fields<ModelOptions>& f) {
  f.add("model", &ModelOptions::model,
        "a Hugging Face folder, a GGUF file, an adapter's folder or a run's folder")
      .required()
      .alias("model_name_or_path");
  f.add("dtype", &ModelOptions::dtype, "bfloat16 or float32").choices({"bfloat16", "float32"});
  f.include(&ModelOptions::quantise);
  f.add("num_threads", &ModelOptions::num_threads, "0 = all cores").at_least(0);
  f.add("memory_limit", &ModelOptions::memory_limit,
        "most that weights and caches may hold, such as 8GB; empty: what is free");
}

}  // namespace temper::cli
