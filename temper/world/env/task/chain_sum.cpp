// chain_sum: work out a chain of additions and subtractions, "What is 12 + 45 - 3?".
//
//   reward = 1.0 · correct + 0.1 · format       0 … 1.1
//
// correct: the number between the <answer> tags is the result; format: the tags alone (xml_format).
// Problems are made from a seed; one expression in eight, by its hash, belongs to the held-out
// part, so no held-out expression is ever trained on.
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/random/random.h"
#include "temper/world/env/single_turn.h"
#include "temper/world/env/task.h"

namespace temper::env::chain_sum {

constexpr const char* kSystemPrompt =
    "Work out the sum. Answer with the number inside <answer> tags, like this:\n"
    "<answer>\n42\n</answer>";

struct Options {
  int terms = 3, digits = 2;
  bool subtract = true;
  int64_t train_rows = 20000, held_out_rows = 2000;
};
void describe(config::Fields<Options>& f) {
  f.add("terms", &Options::terms, "how many numbers a chain has").within(2, 20);
  f.add("digits", &Options::digits, "how many digits a number has").within(1, 9);
  f.add("subtract", &Options::subtract, "subtract as well as add");
  f.add("train_rows", &Options::train_rows, "how many problems the training part has").at_least(1);
  f.add("held_out_rows", &Options::held_out_rows, "how many the held-out part has").at_least(1);
}

struct Problem {
  std::string text;
  int64_t result = 0;
};

Problem draw(random::Sequence& random, const Options& o) {
  int64_t low = 1;
  for (int i = 1; i < o.digits; ++i) low *= 10;
  Problem problem;
  for (int i = 0; i < o.terms; ++i) {
    int64_t term = random.between(low, 10 * low - 1);
    bool minus = i > 0 && o.subtract && random.chance(0.5);
    if (i > 0) problem.text += minus ? " - " : " + ";
    problem.text += std::to_string(term);
    problem.result += minus ? -term : term;
  }
  return problem;
}

Split split_of(const std::string& text) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return (hash >> 32) % 8 == 0 ? Split::HeldOut : Split::Train;
}

Row row(const Options& o, Split split, int64_t index, uint64_t seed) {
  random::Stream stream =
      random::Stream(seed, random::Purpose::Task).part(static_cast<uint64_t>(split));
  for (uint32_t attempt = 0; attempt < 1000; ++attempt) {
    random::Sequence random(stream, {.prompt = static_cast<uint32_t>(index), .sample = attempt});
    Problem problem = draw(random, o);
    if (split_of(problem.text) != split) continue;
    Json info = {{"result", problem.result}};
    return {.prompt = {{"user", "What is " + problem.text + "?", nullptr}},
            .answer = std::to_string(problem.result),
            .info = std::make_shared<const Json>(std::move(info)),
            .where = (split == Split::Train ? "train " : "held-out ") + std::to_string(index)};
  }
  // The fewest expressions there are, 81 sums of two digits, hold several of each part.
  ASSERT(false, "a thousand draws hold one of the wanted part");
  return {};
}

std::unique_ptr<Environment> make(const Options& o, const std::string& where) {
  return single_turn(
      {.name = "chain_sum",
       .system_prompt = kSystemPrompt,
       .parser = make_parser("xml", "answer", where),
       .rubric = reward::Rubric({rubric_part("correct", 1.0, "number", Json::object(), where),
                                 rubric_part("format", 0.1, "xml_format",
                                             {{"fields", Json::array({"answer"})}}, where)}),
       .size = [o](Split split) { return split == Split::Train ? o.train_rows : o.held_out_rows; },
       .row = [o](Split split, int64_t index, uint64_t seed) { return row(o, split, index, seed); },
       .demonstration = [](const Row& row) { return write_answer("xml", "answer", row.answer); }});
}

extern const Task entry = task<Options>(make, "seeded sums of a few numbers");

}  // namespace temper::env::chain_sum
