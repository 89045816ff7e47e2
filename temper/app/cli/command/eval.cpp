// eval: how well a model does in an environment, on held-out prompts, with intervals.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "temper/app/cli/open_model.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/evaluate/evaluate.h"
#include "temper/learn/train/run.h"
#include "temper/world/env/task.h"

namespace temper::cli::eval {

struct Options {
  ModelOptions model;
  std::string env, env_args = "{}";
  std::string chat_template_path;
  int64_t prompts = 64, samples = 1, seed = 42, max_sequences = 64;
  std::string output_dir;
  chat::SamplingOptions sampling;
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.add("chat_template_path", &Options::chat_template_path, "a Jinja file for the prompts");
  f.group("environment");
  f.add("env", &Options::env, "a task's name (temper env list) or an environment's YAML file")
      .required();
  f.add("env_args", &Options::env_args, "the task's options as a JSON object");
  f.add("prompts", &Options::prompts, "held-out prompts, at most those there are").at_least(1);
  f.add("samples", &Options::samples, "answers to each; pass@k needs more than one").at_least(1);
  f.add("output_dir", &Options::output_dir, "folder for rollouts.jsonl and summary.json");
  f.group("sampling");
  f.add("seed", &Options::seed, "of rows and random draws").at_least(0);
  f.add("max_sequences", &Options::max_sequences, "answers written at once").at_least(1);
  f.include(&Options::sampling, describe_sampling);
}

std::string row_of(const std::string& name, const evaluate::Interval& value) {
  return fmt::format("{:<14}{:>8.3f}   95 %: {:.3f} … {:.3f}\n", name, value.mean, value.low,
                     value.high);
}

std::string table(const evaluate::Evaluation& e, const Context& context) {
  std::string out = row_of("reward", e.reward);
  for (const auto& [name, part] : e.parts) out += row_of("  " + name, part);
  for (const auto& [k, passed] : e.pass_at) {
    out += fmt::format("{:<14}{:>8.3f}\n", "pass@" + std::to_string(k), passed);
  }
  if (context.terminal.quiet) return out;
  out += fmt::format("{} prompts × {}, {:.1f} tokens an answer, {:.0f} % cut at max_tokens",
                     e.prompts, e.samples, e.mean_length, 100 * e.truncated);
  return out + (e.unscored > 0 ? fmt::format(", {} answers not scored\n", e.unscored) : "\n");
}

struct Cost {
  double seconds;
  sample::SampleCount tokens;
};

Json summary(const evaluate::Evaluation& result, const Options& options, const Cost& cost) {
  const double tokens = static_cast<double>(cost.tokens.prompt_tokens + cost.tokens.sampled_tokens);
  return {{"command", "eval"},
          {"seed", options.seed},
          {"steps", 0},
          {"seconds", cost.seconds},
          {"tokens_per_second", tokens / std::max(1e-9, cost.seconds)},
          {"peak_bytes", tensor::held().peak},
          {"mismatch", {{"max", 0.0}, {"compared", 0}}},
          {"machine", train::machine_json()},
          {"eval", {{options.env, evaluate::to_json(result)}}}};
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const config::Binding binding = config::bind(options);
  if (ask(binding, args, "eval", "--model M --env NAME [options]").help) return Exit::Done;
  if (!options.output_dir.empty()) refuse_used_folder(options.output_dir);
  const std::unique_ptr<env::Environment> environment =
      env::make_environment(options.env, text::parse_json(options.env_args, "--env_args"));
  const OpenModel model =
      open_model(options.model, {.render = {.chat_template_path = options.chat_template_path},
                                 .sampler = {.max_sequences = options.max_sequences}});
  std::unique_ptr<runlog::RunLog> log;
  if (!options.output_dir.empty()) {
    log = std::make_unique<runlog::RunLog>(options.output_dir);
    log->write_config(config::to_yaml(binding));
  }
  bool stopped = false;
  model.sampler->listen([&](const sample::Event&) {
    stopped = context.stopped();
    if (stopped) throw Error({"interrupted", "temper eval", ""});
    return true;
  });
  const int64_t prompts = std::min(options.prompts, environment->size(env::Split::HeldOut));
  runlog::Progress progress(context.terminal, "eval", prompts);
  const double begun = clock::seconds();
  try {
    const evaluate::Evaluation result = evaluate::evaluate(
        *environment, *model.renderer, *model.sampler,
        {.name = "eval",
         .prompts = prompts,
         .samples = options.samples,
         .sampling = options.sampling,
         .seed = static_cast<uint64_t>(options.seed),
         .at_once = std::max<int64_t>(1, 2 * options.max_sequences / options.samples),
         .progress = [&](int64_t done) { progress.update(done, {}); }},
        log.get());
    progress.finish({});
    if (log != nullptr) {
      log->write_summary(
          summary(result, options, {clock::seconds() - begun, model.sampler->count()}));
    }
    runlog::print(table(result, context));
  } catch (const Error&) {
    if (!stopped) throw;
    progress.abandon();
    return Exit::Interrupted;
  }
  return Exit::Done;
}

extern const Command entry = {"try", "evaluate a model in an environment", run};

}  // namespace temper::cli::eval
