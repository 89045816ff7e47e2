// tokenize: texts to token ids and back.
//
//   {"text", "add_special_tokens"?} or {"ids"}  ->  {"ids", "text"}
//
// `text` is what the ids decode to, special tokens included. As in transformers the tokenizer's
// own special tokens (BOS, EOS) go around a text unless add_special_tokens is false.
#include <nlohmann/json.hpp>

#include "temper/app/cli/line.h"
#include "temper/app/cli/open_model.h"

namespace temper::cli::tokenize {

struct Options {
  std::string model;
  InputOptions lines;
};
void describe(config::Fields<Options>& f) {
  f.add("model", &Options::model, "a Hugging Face folder, a GGUF file or a run's folder")
      .required()
      .alias("model_name_or_path");
  f.include(&Options::lines);
}

Json answer(const Json& value, const token::Tokenizer& tokenizer) {
  Line line(value);
  const std::optional<std::string> text = line.text("text");
  const bool special = line.flag("add_special_tokens", true), given = line.has("ids");
  line.finish();
  if (text.has_value() == given) throw Error({"wanted either 'text' or 'ids'", "", ""});
  const std::vector<token::Id> ids =
      text ? tokenizer.encode(*text, special) : line.ids("ids", tokenizer.vocabulary_size());
  return {{"ids", ids}, {"text", tokenizer.decode(ids)}};
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  if (ask(config::bind(options), args, "tokenize", "--model M < lines.jsonl").help) {
    return Exit::Done;
  }
  const token::Tokenizer tokenizer = sample::load_tokenizer(model_path(options.model));
  each_line(options.lines.input, context,
            [&](const Json& line) { return answer(line, tokenizer); });
  return ended(context);
}

extern const Command entry = {"plumbing", "texts to token ids and back", run};

}  // namespace temper::cli::tokenize
