// pii_masking: replace every piece of personal information in a text by [PII].
//
//   reward = 1.0 · exact + 0.5 · count + 0.1 · format       0 … 1.6
//
// The rewards are those of the tutorial environment ALucek/pii-masking-rlenv; its data is not used:
// texts are made from a seed (../pii), or read from rows {"prompt", "answer", "info":
// {"pii_count"}}.
#include <nlohmann/json.hpp>

#include "temper/foundation/random/random.h"
#include "temper/world/env/pii/text.h"
#include "temper/world/env/rows.h"
#include "temper/world/env/single_turn.h"
#include "temper/world/env/task.h"

namespace temper::env::pii_masking {

constexpr const char* kSystemPrompt =
    "Replace all personal information in the text by [PII]: names of people, e-mails, phone "
    "numbers, street addresses, full dates, card, account, passport and social security numbers. "
    "Keep all other words. Answer inside <masked_output> tags.";

struct Options {
  std::string path, held_out_path;
  int64_t train_rows = 20000, held_out_rows = 2000;
  double train_share = 1;
};
void describe(config::Fields<Options>& f) {
  f.add("path", &Options::path, "JSONL rows to use instead of generated texts");
  f.add("held_out_path", &Options::held_out_path, "the held-out rows; else every fifth of path");
  f.add("train_rows", &Options::train_rows, "how many texts the training part has").at_least(1);
  f.add("train_share", &Options::train_share,
        "share of the sentences and names that training texts are made from: less for "
        "demonstrations than for rewards shows what rewards teach beyond them")
      .above(0)
      .at_most(1);
  f.add("held_out_rows", &Options::held_out_rows, "how many the held-out part has").at_least(1);
}

Row generated(const Options& o, Split split, int64_t index, uint64_t seed) {
  auto part = static_cast<uint64_t>(split);
  random::Sequence sequence(random::Stream(seed, random::Purpose::Task).part(part),
                            {.prompt = static_cast<uint32_t>(index)});
  const pii::Pool& whole = pii::pool(split);
  pii::Text text =
      pii::compose(split == Split::Train ? pii::part_of(whole, o.train_share) : whole, sequence);
  Json info = {{"pii_count", text.entities.size()}};
  return {.prompt = {{"user", text.raw, nullptr}},
          .answer = text.masked,
          .info = std::make_shared<const Json>(std::move(info)),
          .where = (split == Split::Train ? "train " : "held-out ") + std::to_string(index)};
}

std::unique_ptr<Environment> make(const Options& o, const std::string& where) {
  const std::string field = "masked_output";
  SingleTurn parts = {
      .name = "pii_masking",
      .system_prompt = kSystemPrompt,
      .parser = make_parser("xml", field, where),
      .rubric = reward::Rubric(
          {rubric_part("exact", 1.0, "exact", Json::object(), where),
           rubric_part("count", 0.5, "count", {{"literal", "[PII]"}, {"key", "pii_count"}}, where),
           rubric_part("format", 0.1, "xml_format", {{"fields", Json::array({field})}}, where)}),
      .size = [o](Split split) { return split == Split::Train ? o.train_rows : o.held_out_rows; },
      .row = [o](Split split, int64_t index,
                 uint64_t seed) { return generated(o, split, index, seed); },
      .demonstration = [field](const Row& row) { return write_answer("xml", field, row.answer); }};
  if (!o.path.empty()) serve(parts, read_split(o.path, o.held_out_path, {}));
  return single_turn(std::move(parts));
}

extern const Task entry = task<Options>(make, "mask personal data in short texts");

}  // namespace temper::env::pii_masking
