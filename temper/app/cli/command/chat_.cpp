// chat: a conversation in the terminal. Reads lines from standard input, so it works in a pipe too;
// /reset, /system TEXT and /quit are commands, Ctrl-C ends an answer.
#include <unistd.h>

#include <iostream>

#include "temper/app/cli/open_model.h"

namespace temper::cli::chat_ {

struct Options {
  ModelOptions model;
  std::string system, chat_template_path;
  int64_t seed = 42;
  chat::SamplingOptions sampling;
  Options() { sampling.temperature = 0.7, sampling.top_p = 0.95; }
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.add("system", &Options::system, "the system message; /system TEXT sets it later");
  f.add("chat_template_path", &Options::chat_template_path, "a Jinja file for the conversation");
  f.group("sampling");
  f.add("seed", &Options::seed, "of the random draws").at_least(0);
  f.include(&Options::sampling, describe_sampling);
}

class Talk {
 public:
  Talk(const Options& options, const Context& context)
      : options_(options),
        context_(context),
        model_(open_model(options.model,
                          {.render = {.chat_template_path = options.chat_template_path}})),
        asks_(context.terminal.tty && isatty(STDIN_FILENO) == 1) {
    reset(options.system);
  }

  Exit run() {
    if (!context_.terminal.quiet && context_.terminal.tty) {
      say("chatting with " + model_.path + "; /reset, /system TEXT, /quit" +
          (model_.renderer->has_template() ? ""
                                           : "\nno chat template: what you type is gone on with"));
    }
    std::string line;
    while (next(line)) {
      if (line.empty()) continue;
      if (line == "/quit" || line == "/exit") break;
      if (line == "/reset") {
        reset(system_);
      } else if (line == "/system" || line.starts_with("/system ")) {
        reset(line.size() > 8 ? line.substr(8) : "");
      } else if (line[0] == '/' && line.find('/', 1) == std::string::npos) {
        say(line + " is not a command; there are /reset, /system TEXT and /quit");
      } else {
        answer(line);
      }
    }
    return ended(context_);
  }

 private:
  void say(const std::string& text) const {
    runlog::print(runlog::paint(context_.terminal, runlog::Color::Dim, text) + "\n");
  }

  bool next(std::string& line) const {
    if (asks_) {
      runlog::print(runlog::paint(context_.terminal, runlog::Color::Bold, "> "));
    }
    const bool read = static_cast<bool>(std::getline(std::cin, line));
    if (!read && asks_) runlog::print("\n");
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return read;
  }

  void reset(const std::string& system) {
    system_ = system;
    text_.clear();
    messages_.clear();
    if (!system.empty()) messages_.push_back({"system", system, nullptr});
  }

  std::vector<int32_t> prompt() const {
    if (model_.renderer->has_template()) return model_.renderer->prompt(messages_);
    return model_.tokenizer().encode(text_, true);
  }

  void answer(const std::string& line) {
    const size_t before = text_.size();
    messages_.push_back({"user", line, nullptr});
    text_ += line;
    token::StreamDecoder decoder(model_.tokenizer());
    model_.sampler->listen([&](const sample::Event& event) {
      runlog::print(decoder.push(event.token));
      return !context_.stopped();
    });
    try {
      chat::Request request;
      request.prompt = prompt();
      request.options = options_.sampling;
      request.seed = static_cast<uint64_t>(options_.seed);
      request.prompt_id = turn_++;
      const chat::Completion said =
          model_.sampler->speak(std::span<const chat::Request>(&request, 1))[0][0];
      const bool cut = said.finish == chat::Finish::Length;
      runlog::print(decoder.finish() + (cut && !context_.terminal.quiet ? " …" : "") + "\n");
      messages_.push_back({"assistant", said.text, nullptr});
      text_ += said.text + "\n";
    } catch (const Error& error) {  // too long a conversation: it stays as it was
      messages_.pop_back();
      text_.resize(before);
      say(std::string(error.what()) + "\n  /reset begins a new conversation");
    }
    if (context_.stopped()) *context_.interrupted = false;  // it ended the answer, not the program
  }

  Options options_;
  Context context_;
  OpenModel model_;
  bool asks_;
  std::string system_, text_;  // text_: all that was said, for models without a template
  std::vector<chat::Message> messages_;
  uint32_t turn_ = 0;
};

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const std::vector<std::string> words = with_model_first(args);
  if (ask(config::bind(options), words, "chat", "RUN_OR_MODEL [options]").help) return Exit::Done;
  return Talk(options, context).run();
}

extern const Command entry = {"try", "talk to a model in the terminal", run};

}  // namespace temper::cli::chat_
