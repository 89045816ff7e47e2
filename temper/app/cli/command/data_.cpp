// data show: the rows of a data set as tokens, with the trained ones marked, and what the linter
// says of them.
#include <fmt/format.h>

#include <utility>

#include "temper/app/cli/open_model.h"
#include "temper/foundation/clock/clock.h"
#include "temper/language/chat/pair.h"
#include "temper/language/data/dataset.h"

namespace temper::cli::data_ {

struct Options {
  std::string model, path;
  int64_t rows = 3;
  chat::RendererOptions render;
};
void describe(config::Fields<Options>& f) {
  f.add("model", &Options::model, "the model whose tokenizer and template to use")
      .required()
      .alias("model_name_or_path");
  f.add("rows", &Options::rows, "rows to show").at_least(0);
  f.include(&Options::render);
}

constexpr size_t kLinted = 256;

void warn(const std::vector<std::string>& warnings, const Context& context) {
  for (const std::string& warning : warnings) {
    runlog::print(runlog::paint(context.terminal, runlog::Color::Yellow, "warning") + " " +
                  warning + "\n");
  }
}

/// The pairs of preference rows: the prompt, then both answers. The pair is cut to `max_length`,
/// not its sequences.
void show_pairs(const data::Dataset& set, const Options& options, const chat::Renderer& whole,
                const Context& context) {
  chat::RendererOptions render = whole.options();
  const int64_t max_length = std::exchange(render.max_length, 0);
  const token::Tokenizer& tokenizer = whole.tokenizer();
  const chat::Renderer renderer(tokenizer, render, {});
  auto mark = [&](runlog::Color color, const std::string& text) {
    return runlog::paint(context.terminal, color, text);
  };
  std::vector<chat::TokenPair> pairs;
  for (size_t i = 0; i < std::min(set.train.size(), kLinted); ++i) {
    pairs.push_back(chat::token_pair(renderer, set.train[i], max_length));
    const chat::TokenPair& pair = pairs.back();
    if (i >= static_cast<size_t>(options.rows)) continue;
    const std::string sizes =
        fmt::format("── {} · {} tokens of prompt, {} chosen, {} rejected{}", pair.where,
                    pair.prompt.size(), pair.chosen.size(), pair.rejected.size(),
                    pair.unusable.empty() ? "" : " · left out: " + pair.unusable);
    runlog::print(mark(runlog::Color::Dim, sizes) + "\n" + tokenizer.decode(pair.prompt) + "\n");
    auto print = [&](const char* name, const std::vector<token::Id>& answer) {
      if (answer.empty()) return;
      runlog::print(mark(runlog::Color::Dim, name) + tokenizer.decode(answer) + "\n");
    };
    print("chosen   ", pair.chosen);
    print("rejected ", pair.rejected);
  }
  warn(chat::lint(renderer, pairs), context);
}

void show(const Options& options, const Context& context) {
  auto dim = [&](const std::string& text) {
    return runlog::paint(context.terminal, runlog::Color::Dim, text);
  };
  chat::RendererOptions render = options.render;
  render.now_s = static_cast<int64_t>(clock::epoch_seconds());
  const std::string path = model_path(options.model);
  const chat::Renderer renderer(sample::load_tokenizer(path), render, {});
  const data::Dataset set =
      data::read_dataset({.dataset_name = options.path, .on_bad_row = "skip"});
  std::string text = fmt::format("{} · {} rows of type {}{}\n", options.path, set.train.size(),
                                 data::name(set.type), set.conversational ? ", messages" : "");
  for (const data::Rejected& bad : set.rejected) {
    text += runlog::paint(context.terminal, runlog::Color::Red, "unusable") + " " + bad.where +
            ": " + bad.reason + "\n";
  }
  if (!context.terminal.quiet) runlog::print(text);
  if (set.type == data::RowType::Preference || set.type == data::RowType::Unpaired) {
    return show_pairs(set, options, renderer, context);
  }
  const size_t count = std::min(set.train.size(), static_cast<size_t>(options.rows));
  for (size_t i = 0; i < count; ++i) {
    const data::Row& row = set.train[i];
    if (row.type == data::RowType::PromptOnly) {
      const std::vector<token::Id> ids = renderer.prompt(row);
      runlog::print(dim(fmt::format("── {} · {} tokens of prompt", row.where, ids.size())) + "\n" +
                    renderer.tokenizer().decode(ids) + "\n");
      continue;
    }
    const chat::TokenRow made = renderer.row(row);
    runlog::print(dim(fmt::format("── {} · {} tokens, {} trained{}", row.where, made.ids.size(),
                                  made.trained_tokens(), made.truncated ? ", cut" : "")) +
                  "\n" + chat::show(made, renderer.tokenizer(), context.terminal.color) + "\n");
  }
  const std::span<const data::Row> sample =
      std::span(set.train).first(std::min(set.train.size(), kLinted));
  const std::vector<std::string> warnings = renderer.lint(sample);
  warn(warnings, context);
  if (warnings.empty() && !context.terminal.quiet) {
    runlog::print(dim(fmt::format("the linter is content with the first {} rows", sample.size())) +
                  "\n");
  }
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const Asked asked =
      ask(config::bind(options), args, "data", "show rows.jsonl --model M [--rows N]", 2);
  if (asked.help) return Exit::Done;
  if (asked.positional.size() != 2 || asked.positional[0] != "show") {
    throw Error({"wanted 'show' and a file of rows", "temper data",
                 "temper data show rows.jsonl --model M"});
  }
  options.path = asked.positional[1];
  show(options, context);
  return Exit::Done;
}

extern const Command entry = {"look", "rows as tokens, trained ones marked", run};

}  // namespace temper::cli::data_
