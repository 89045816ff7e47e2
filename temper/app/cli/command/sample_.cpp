// sample: completions with their log-probs.
//
//   {"prompt" | "messages", "n"?, "seed"?, sampling options}
//     ->  {"completions": [{"text", "tokens", "logprobs", "finish_reason"}]}
//
// A line's options win over the command line's. A line with a seed says the same whatever else is
// asked; lines without one draw from the command's seed and their place. Lines of a file are
// answered together, which is quicker and changes no token. With --prompt or --message the answer
// is printed as text.
#include <nlohmann/json.hpp>
#include <utility>

#include "temper/app/cli/line.h"
#include "temper/app/cli/open_model.h"
#include "temper/world/reward/verifier.h"

namespace temper::cli::sample_ {

struct Draws {
  int64_t n = 1;
  int64_t seed = 42;
  chat::SamplingOptions sampling;
};
void describe(config::Fields<Draws>& f) {
  f.group("sampling");
  f.add("n", &Draws::n, "completions of a prompt").within(1, 4096);
  f.add("seed", &Draws::seed, "of the random draws").at_least(0);
  f.include(&Draws::sampling, describe_sampling);
}

struct Options {
  ModelOptions model;
  InputOptions lines;
  std::string prompt, message;
  std::string chat_template_path;
  int64_t batch_lines = 0;
  Draws draws;
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.include(&Options::lines);
  f.add("prompt", &Options::prompt, "a text to go on with; prints text instead of JSON Lines");
  f.add("message", &Options::message, "the same, as a user's message through the chat template");
  f.add("chat_template_path", &Options::chat_template_path, "a Jinja file for messages");
  f.add("batch_lines", &Options::batch_lines,
        "lines answered together; 0: 64 of a file, 1 of a pipe or terminal")
      .at_least(0);
  f.include(&Options::draws);
}

chat::Request request_of(std::vector<int32_t> prompt, const Draws& draws, uint32_t place) {
  chat::Request request;
  request.prompt = std::move(prompt);
  request.samples = draws.n;
  request.options = draws.sampling;
  request.seed = static_cast<uint64_t>(draws.seed);
  request.prompt_id = place;
  return request;
}

std::vector<chat::Completion> speak(const OpenModel& model, const chat::Request& request) {
  return std::move(model.sampler->speak(std::span<const chat::Request>(&request, 1))[0]);
}

/// The line's own options over the command's.
Draws draws_of(const Line& line, const Draws& defaults) {
  Draws draws = defaults;
  Json rest = line.rest();
  if (const auto stop = rest.find("stop"); stop != rest.end() && stop->is_string()) {
    rest["stop"] = Json::array({*stop});
  }
  for (auto it = rest.begin(); it != rest.end();) {
    if (it->is_null()) {
      it = rest.erase(it);
    } else {
      ++it;
    }
  }
  reward::read_options(config::bind(draws), rest, "sampling options");
  return draws;
}

/// Lines that are answered together.
class Batch {
 public:
  Batch(const OpenModel& model, const Draws& defaults) : model_(model), defaults_(defaults) {}

  std::function<Json()> begin(const Json& value) {
    Line line(value);
    std::vector<int32_t> prompt = prompt_ids(line, model_);
    const bool seeded = value.contains("seed") && !value["seed"].is_null();
    const uint32_t place = place_++;
    requests_.push_back(
        request_of(std::move(prompt), draws_of(line, defaults_), seeded ? 0 : place));
    return [this, index = requests_.size() - 1] { return answer(index); };
  }

  void work() {
    said_.clear();
    try {
      said_ = model_.sampler->speak(requests_);
    } catch (const Error&) {  // one of them cannot be answered: each by itself tells which
    }
    asked_ = std::exchange(requests_, {});
  }

 private:
  Json answer(size_t index) {
    const auto completions = said_.empty() ? speak(model_, asked_[index]) : std::move(said_[index]);
    Json list = Json::array();
    for (const chat::Completion& said : completions) {
      list.push_back({{"text", said.text},
                      {"tokens", said.tokens},
                      {"logprobs", said.logp},
                      {"finish_reason", said.finish == chat::Finish::Stop ? "stop" : "length"}});
    }
    return {{"completions", list}};
  }

  const OpenModel& model_;
  const Draws& defaults_;
  uint32_t place_ = 0;
  std::vector<chat::Request> requests_, asked_;
  std::vector<std::vector<chat::Completion>> said_;
};

/// Completions as text; one alone is shown while it is drawn where nothing may have to be cut.
void print_text(const OpenModel& model, const Options& options, const Context& context) {
  const Json value = options.message.empty()
                         ? Json{{"prompt", options.prompt}}
                         : Json{{"messages", {{{"role", "user"}, {"content", options.message}}}}};
  Line line(value);
  const chat::Request request = request_of(prompt_ids(line, model), options.draws, 0);
  const bool live = options.draws.n == 1 && options.draws.sampling.stop.empty();
  token::StreamDecoder decoder(model.tokenizer());
  model.sampler->listen([&](const sample::Event& event) {
    if (live) runlog::print(decoder.push(event.token));
    return !context.stopped();
  });
  const std::vector<chat::Completion> said = speak(model, request);
  if (live) return runlog::print(decoder.finish() + "\n");
  for (size_t i = 0; i < said.size(); ++i) {
    if (said.size() > 1 && !context.terminal.quiet) {
      runlog::print(runlog::paint(context.terminal, runlog::Color::Dim,
                                  "── " + std::to_string(i + 1) + " ──") +
                    "\n");
    }
    runlog::print(said[i].text + "\n");
  }
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const char* usage = "--model M [--prompt TEXT | --message TEXT | < lines.jsonl]";
  if (ask(config::bind(options), args, "sample", usage).help) return Exit::Done;
  const OpenModel model =
      open_model(options.model, {.render = {.chat_template_path = options.chat_template_path}});
  if (!options.prompt.empty() || !options.message.empty()) {
    print_text(model, options, context);
    return ended(context);
  }
  model.sampler->listen([&](const sample::Event&) { return !context.stopped(); });
  Batch batch(model, options.draws);
  const int64_t together = reads_file(options.lines.input) ? 64 : 1;
  each_batch(options.lines.input, context,
             {.most = static_cast<size_t>(options.batch_lines > 0 ? options.batch_lines : together),
              .begin = [&](const Json& line) { return batch.begin(line); },
              .work = [&] { batch.work(); }});
  return ended(context);
}

extern const Command entry = {"plumbing", "completions with their log-probs", run};

}  // namespace temper::cli::sample_
