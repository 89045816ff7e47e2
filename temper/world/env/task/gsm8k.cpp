// gsm8k: grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168), read from the files as
// published: {"question", "answer"}, the answer a worked solution that ends in "#### number".
//
//   reward = 1.0 · correct + 0.1 · format       0 … 1.1
//
// correct: the number after the last "####", or else the last number, equals the reference's.
// format: the answer ends in "#### number". Calculator notes (<<48/2=24>>) are taken out.
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/world/env/rows.h"
#include "temper/world/env/single_turn.h"
#include "temper/world/env/task.h"

namespace temper::env::gsm8k {

constexpr const char* kSystemPrompt =
    "Solve the problem step by step. End with a line that holds #### and the final number, for "
    "instance: #### 42";

struct Options {
  std::string path, held_out_path;
};
void describe(config::Fields<Options>& f) {
  f.add("path", &Options::path,
        "the rows: a JSONL file, or a folder with train.jsonl and test.jsonl")
      .required();
  f.add("held_out_path", &Options::held_out_path,
        "the held-out rows; else the folder's test.jsonl or every fifth row of path");
}

std::string without_notes(std::string text) {
  for (size_t open; (open = text.find("<<")) != text.npos;) {
    size_t close = text.find(">>", open);
    if (close == text.npos) break;
    text.erase(open, close + 2 - open);
  }
  return text;
}

std::unique_ptr<Environment> make(const Options& o, const std::string& where) {
  bool folder = file::is_folder(o.path);
  std::string train = folder ? o.path + "/train.jsonl" : o.path;
  std::string held_out =
      o.held_out_path.empty() && folder ? o.path + "/test.jsonl" : o.held_out_path;
  RowSet rows = read_split(train, held_out, {.prompt = {"question"}});
  for (auto* part : {&rows.train, &rows.held_out}) {
    for (Row& row : *part) {
      row.answer = without_notes(row.answer);
      if (row.answer.find("####") == row.answer.npos)
        throw Error({"the answer has no '#### number'", row.where, "use GSM8K's own files"});
    }
  }
  SingleTurn parts{
      .name = "gsm8k",
      .system_prompt = kSystemPrompt,
      .parser = make_parser("text", "", where),
      .rubric = reward::Rubric(
          {rubric_part("correct", 1.0, "number", Json::object(), where),
           rubric_part("format", 0.1, "regex",
                       {{"pattern", "####\\s*-?\\$?[0-9][0-9,]*(\\.[0-9]+)?\\s*\\z"}}, where)}),
      .size = {},
      .row = {},
      .demonstration = [](const Row& row) { return row.answer; }};
  serve(parts, std::move(rows));
  return single_turn(std::move(parts));
}

extern const Task entry = task<Options>(make, "grade-school word problems, from GSM8K's files");

}  // namespace temper::env::gsm8k
