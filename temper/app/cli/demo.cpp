// The demo is one idea: stages in order, each remembered in demo.json.
#include "temper/app/cli/demo.h"

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "temper/app/cli/finish.h"
#include "temper/app/report/report.h"
#include "temper/engine/sample/sampler.h"
#include "temper/engine/tensor/isa.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/evaluate/evaluate.h"
#include "temper/learn/plan/plan.h"
#include "temper/learn/train/policy.h"
#include "temper/learn/train/supervised.h"
#include "temper/world/env/task.h"

namespace temper::cli {
namespace {

constexpr const char* kTask = "pii_masking";

/// What is known between stages, kept in demo.json: so that a stopped demo goes on where it was.
class Progress {
 public:
  explicit Progress(const std::string& folder) : path_(folder + "/demo.json") {
    if (file::exists(path_)) json_ = text::parse_json(file::read_file(path_), path_);
  }
  bool has(const std::string& key) const { return json_.contains(key); }
  const Json& get(const std::string& key) const { return json_.at(key); }
  void put(const std::string& key, const Json& value) {
    json_[key] = value;
    file::write_atomically(path_, json_.dump(2) + "\n");
  }

 private:
  std::string path_;
  Json json_ = Json::object();
};

std::string stats(const Json& evaluation) {
  auto number = [&](const char* key) { return evaluation.at(key).get<double>(); };
  const double half = number("reward") - evaluation.at("reward_interval").at(0).get<double>();
  return fmt::format("reward {:.2f} ± {:.2f}   exact {:.2f}  count {:.2f}  format {:.2f}",
                     number("reward"), half, number("exact"), number("count"), number("format"));
}

class Demo {
 public:
  Demo(const DemoOptions& options, const Context& context)
      : o_(options),
        context_(context),
        environment_(env::make_environment(kTask, Json::object())) {}

  Exit run() {
    prepare();
    plan();
    evaluate("before", o_.model, o_.eval_prompts, 1, 0);
    if (!stage("sft", [&] { return sft(); })) return stopped();
    evaluate("after_sft", o_.output_dir + "/sft", o_.middle_prompts, o_.eval_samples, steps("sft"));
    if (!stage("grpo", [&] { return grpo(); })) return stopped();
    evaluate("after", o_.output_dir + "/grpo", o_.eval_prompts, o_.eval_samples,
             steps("sft") + steps("grpo"));
    finish();
    return Exit::Done;
  }

 private:
  void say(const std::string& text) const {
    if (!context_.terminal.quiet) runlog::print(text + "\n");
  }

  void prepare() {
    if (o_.num_threads > 0) tensor::use_threads(static_cast<int>(o_.num_threads));
    if (o_.quick) {
      o_.eval_prompts = std::min<int64_t>(o_.eval_prompts, 48);
      o_.middle_prompts = std::min<int64_t>(o_.middle_prompts, 48);
      o_.eval_samples = 1;
      o_.sft_steps = std::min<int64_t>(o_.sft_steps, 12);
      o_.grpo_steps = std::min<int64_t>(o_.grpo_steps, 4);
    }
    if (!file::exists(o_.model)) {
      throw Error({"the demo's model is not there", o_.model,
                   "run dev/setup, or name another with --model"});
    }
    file::make_folder(o_.output_dir);
    log_ = std::make_unique<runlog::RunLog>(o_.output_dir);
    const std::string yaml = config::to_yaml(o_);
    const std::string config = o_.output_dir + "/config.yaml";
    if (file::exists(config) && file::read_file(config) != yaml) {
      throw Error({"the folder holds a demo with other options", config,
                   "remove the folder, or choose another --output_dir"});
    }
    log_->write_config(yaml);
    progress_ = std::make_unique<Progress>(o_.output_dir);
    const weights::ModelConfig model = weights::Checkpoint::open(o_.model).config();
    say(fmt::format(
        "temper demo · {} · {} ({} M, {}) · {} threads · {}", kTask,
        o_.model.substr(o_.model.find_last_of('/') + 1), weights::parameters_of(model) / 1'000'000,
        o_.dtype == "bfloat16" ? "bf16" : "fp32", tensor::threads(), tensor::name(tensor::isa())));
  }

  /// Mean tokens of a prompt, and of a right answer, over a few rows.
  std::pair<double, double> lengths(const chat::Renderer& renderer) const {
    constexpr int64_t kRows = 16;
    double prompt = 0, answer = 0;
    for (int64_t i = 0; i < kRows; ++i) {
      const env::Row row = environment_->row(env::Split::Train, i, static_cast<uint64_t>(o_.seed));
      prompt += static_cast<double>(evaluate::prompt_of(row, renderer).size()) / kRows;
      answer += static_cast<double>(
                    renderer.tokenizer().encode(environment_->demonstration(row)).size() + 1) /
                kRows;
    }
    return {prompt, answer};
  }

  void plan() {
    if (progress_->has("plan")) return;
    const weights::ModelConfig model = weights::Checkpoint::open(o_.model).config();
    const chat::Renderer renderer(sample::load_tokenizer(o_.model), {}, model.eos_ids);
    const auto [prompt, answer] = lengths(renderer);
    auto n = [](int64_t count) { return static_cast<double>(count); };
    const double own = prompt - kernel::kKvBlock;  // the system prompt is run once a batch
    const double untrained = 0.75 * n(o_.max_completion_length);
    const double sft = n(o_.sft_steps * o_.sft_batch), grpo = n(o_.grpo_steps * o_.grpo_prompts);
    const plan::Work work{
        .read_rows = own * (n(2 * o_.eval_prompts + o_.middle_prompts) + grpo),
        .sampled_tokens =
            n(o_.eval_prompts) * (untrained + n(o_.eval_samples) * answer) +
            (n(o_.middle_prompts * o_.eval_samples) + grpo * n(o_.grpo_samples)) * answer,
        .trained_rows = sft * (own + answer) + grpo * (prompt + n(o_.grpo_samples) * answer),
        .trained_tokens = (sft + grpo * n(o_.grpo_samples)) * answer,
        .context = own + answer / 2,
        .sequences = n(train::RolloutOptions().max_sequences),
        .steps = n(o_.sft_steps + o_.grpo_steps)};
    const kernel::Dtype dtype = sample::dtype_of(o_.dtype);
    const plan::Probe machine =
        plan::probe(model, {.dtype = dtype, .sequences = train::RolloutOptions().max_sequences});
    const plan::Shape shape{
        .dtype = dtype,
        .lora = {},
        .micro_batch_tokens = train::CommonOptions().micro_batch_tokens,
        .max_sequences = train::RolloutOptions().max_sequences,
        .sequence_tokens = static_cast<int64_t>(prompt) + o_.max_completion_length};
    const plan::Prediction prediction = plan::predict(model, shape, work, machine);
    plan::refuse_if_too_large(prediction, machine);
    say("plan       " + plan::line(prediction, machine));
    constexpr double kLong = 20 * 60;
    if (prediction.seconds > kLong && !o_.quick)
      say("           a slow machine: --quick shows the same in a few steps");
    progress_->put("plan", {{"tflop", prediction.flops / 1e12},
                            {"seconds", prediction.seconds},
                            {"peak_bytes", prediction.peak_bytes},
                            {"gemm_flops_per_s", machine.flops_per_s}});
  }

  chat::SamplingOptions sampling() const {
    chat::SamplingOptions sampling;
    sampling.max_tokens = o_.max_completion_length;
    return sampling;
  }

  void evaluate(const std::string& name, const std::string& model, int64_t prompts, int64_t samples,
                int64_t step) {
    if (!progress_->has(name)) {
      sample::Loaded loaded =
          sample::load(model, {.dtype = sample::dtype_of(o_.dtype), .lora = {}});
      const chat::Renderer renderer(loaded.tokenizer, {}, loaded.end_ids);
      sample::Sampler sampler(*loaded.model, loaded.tokenizer, renderer.stop_ids());
      runlog::Progress bar(context_.terminal, label(name), prompts);
      const double begun = clock::seconds();
      cut_rollouts(name);
      const evaluate::Evaluation result =
          evaluate::evaluate(*environment_, renderer, sampler,
                             {.name = name,
                              .step = step,
                              .prompts = prompts,
                              .samples = samples,
                              .sampling = sampling(),
                              .seed = static_cast<uint64_t>(o_.seed),
                              .progress = [&](int64_t done) { bar.update(done, {}); }},
                             log_.get());
      bar.abandon();
      Json json = evaluate::to_json(result);
      json["rewards"] = result.rewards;
      json["tflop"] = loaded.model->flops() / 1e12;
      json["seconds"] = clock::seconds() - begun;
      progress_->put("offset_after_" + name, log_->offsets());
      progress_->put(name, json);
    }
    say(fmt::format(
        "{:<10} {}{}", label(name), stats(progress_->get(name)),
        name == "before"
            ? fmt::format("   {} held-out prompts", prompts)
            : fmt::format("   pass@1 {:.2f}", progress_->get(name).at("pass@1").get<double>())));
  }

  static std::string label(const std::string& name) {
    return name == "after_sft" ? "after sft" : name;
  }

  /// An evaluation that was cut short leaves no rows behind.
  void cut_rollouts(const std::string& name) {
    const std::string before = name == "after" ? "after_sft" : name == "after_sft" ? "before" : "";
    Json offsets = log_->offsets();
    for (auto& offset : offsets) offset = 0;
    if (!before.empty()) offsets = progress_->get("offset_after_" + before);
    log_->truncate_to(offsets);
  }

  int64_t steps(const std::string& stage) const {
    return progress_->has(stage) ? progress_->get(stage).at("steps").get<int64_t>() : 0;
  }

  bool stage(const std::string& name, const std::function<train::Result()>& run) {
    if (progress_->has(name)) return true;
    const train::Result result = run();
    if (result.interrupted) return false;
    progress_->put(name, *result.summary);
    return true;
  }

  train::CommonOptions common(const std::string& stage, const std::string& model) const {
    train::CommonOptions common;
    common.model_name_or_path = model;
    common.output_dir = o_.output_dir + "/" + stage;
    common.dtype = o_.dtype;
    common.seed = o_.seed;
    common.save_interval_s = o_.save_interval_s;
    common.save_total_limit = 1;
    if (file::exists(common.output_dir + "/config.yaml")) common.resume_from_checkpoint = "true";
    return common;
  }

  train::Setting setting(const std::string& command, const std::string& yaml) const {
    return {.terminal = context_.terminal,
            .command = command,
            .config_yaml = yaml,
            .brief = true,
            .interrupted = context_.interrupted};
  }

  std::vector<data::Row> demonstrations(const env::Environment& environment, int64_t first,
                                        int64_t count) const {
    std::vector<data::Row> rows;
    for (int64_t i = first; i < first + count; ++i) {
      const env::Row row = environment.row(env::Split::Train, i, static_cast<uint64_t>(o_.seed));
      Json prompt = Json::array();
      for (const chat::Message& message : row.prompt) prompt.push_back(chat::to_json(message));
      const Json answer = {{"role", "assistant"}, {"content", environment.demonstration(row)}};
      rows.push_back(
          data::make_row({{"prompt", prompt}, {"completion", Json::array({answer})}}, row.where));
    }
    return rows;
  }

  train::Result sft() {
    train::SftOptions options;
    options.common = common("sft", o_.model);
    options.common.learning_rate = o_.sft_learning_rate;
    options.common.lr_scheduler_type = "linear";
    options.common.warmup_steps = 2;
    options.common.per_device_train_batch_size = o_.sft_batch;
    options.common.max_steps = o_.sft_steps;
    options.common.eval_steps = 4;
    options.common.early_stopping_patience = 2;
    options.common.load_best_model_at_end = true;
    const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
    train::Run run(options.common, setting("sft", config::to_yaml(options)));
    const chat::Renderer renderer(run.tokenizer(), options.render, run.end_ids());
    // Few sentences and names are demonstrated; all of the training part's validate, and are what
    // rewards are earned on later.
    const std::unique_ptr<env::Environment> shown =
        env::make_environment(kTask, {{"train_share", o_.sft_share}});
    const train::TokenRows rows = train::token_rows(
        demonstrations(*shown, 0, o_.sft_rows),
        demonstrations(*environment_, o_.sft_rows, o_.sft_validation_rows), renderer);
    return train::supervised(run, rows, renderer, *member.make(member.options()));
  }

  train::Result grpo() {
    train::GrpoOptions options = train::grpo_defaults();
    options.common = common("grpo", o_.output_dir + "/sft");
    options.common.learning_rate = o_.grpo_learning_rate;
    options.common.lr_scheduler_type = "linear";
    // Adam's second moments are known from a few noisy batches at first: full steps then do harm.
    options.common.warmup_steps = o_.grpo_steps / 4;
    options.common.per_device_train_batch_size = o_.grpo_prompts * o_.grpo_samples;
    options.common.max_steps = o_.grpo_steps;
    options.rollout.env = kTask;
    options.rollout.num_generations = o_.grpo_samples;
    options.rollout.max_completion_length = o_.max_completion_length;
    const algo::Policy& member = *find_algorithm(algo::policy_catalogue(), "grpo");
    train::Run run(options.common, setting("grpo", config::to_yaml(options)));
    return train::policy(run, options.rollout, *environment_, member,
                         *member.make(member.options()));
  }

  Exit stopped() const {
    runlog::print("stopped    run the same command again to go on\n");
    return Exit::Interrupted;
  }

  void finish() {
    const Json& sft_rewards = progress_->get("after_sft").at("rewards");
    const Json& rewards = progress_->get("after").at("rewards");
    std::vector<double> middle = sft_rewards.get<std::vector<double>>(),
                        last = rewards.get<std::vector<double>>();
    const size_t both = std::min(middle.size(), last.size());
    middle.resize(both);
    last.resize(both);
    const evaluate::Interval gain = evaluate::paired_gain(middle, last);
    say(fmt::format("{:<10} gain of GRPO {:+.2f} (95 %: {:.2f} … {:.2f}) on {} prompts", "",
                    gain.mean, gain.low, gain.high, both));
    for (const std::string& name : file::names_in(o_.output_dir + "/grpo")) {
      const bool model = name.ends_with(".safetensors") || name.starts_with("tokenizer") ||
                         name.ends_with("config.json");
      if (model)
        file::write_atomically(o_.output_dir + "/" + name,
                               file::read_file(o_.output_dir + "/grpo/" + name));
    }
    double tflop = 0, work_s = 0;
    Json evaluations = Json::object();
    for (const char* name : {"before", "after_sft", "after"}) {
      Json evaluation = progress_->get(name);
      tflop += evaluation.at("tflop").get<double>();
      work_s += evaluation.at("seconds").get<double>();
      evaluation.erase("rewards");
      evaluation.erase("tflop");
      evaluations[name] = evaluation;
    }
    double seconds = 0, tokens = 0;
    int64_t peak = 0;
    for (const char* name : {"sft", "grpo"}) {
      const Json& stage = progress_->get(name);
      tflop += stage.at("tflop").get<double>();
      seconds += stage.at("seconds").get<double>();
      tokens += stage.at("seconds").get<double>() * stage.at("tokens_per_second").get<double>();
      peak = std::max(peak, stage.at("peak_bytes").get<int64_t>());
    }
    work_s += seconds;
    Json plan = progress_->get("plan");
    const double rate = tflop * 1e12 / std::max(1e-9, work_s);
    plan["fact"] = {{"tflop", tflop},
                    {"seconds", work_s},
                    {"peak_bytes", peak},
                    {"share_of_probed_gemm", rate / plan.at("gemm_flops_per_s").get<double>()}};
    const Json& grpo = progress_->get("grpo");
    log_->write_summary({{"command", "demo"},
                         {"seed", o_.seed},
                         {"steps", steps("sft") + steps("grpo")},
                         {"seconds", work_s},
                         {"tokens_per_second", tokens / std::max(1e-9, seconds)},
                         {"peak_bytes", peak},
                         {"tflop", tflop},
                         {"plan", plan},
                         {"mismatch", grpo.at("mismatch")},
                         {"eval", evaluations},
                         {"gain_of_grpo", evaluate::to_json(gain)},
                         {"machine", train::machine_json()}});
    report::write_report(o_.output_dir);
    say(fmt::format("{:<10} {}/report.html      chat with it: temper chat {}", "report",
                    o_.output_dir, o_.output_dir));
  }

  DemoOptions o_;
  const Context& context_;
  std::unique_ptr<env::Environment> environment_;
  std::unique_ptr<runlog::RunLog> log_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace

void describe(config::Fields<DemoOptions>& f) {
  using O = DemoOptions;
  f.add("model", &O::model, "an instruct model: a Hugging Face folder or a GGUF file");
  f.add("output_dir", &O::output_dir, "folder of the demo; a stopped one goes on");
  f.add("dtype", &O::dtype, "bfloat16 or float32").choices({"bfloat16", "float32"});
  f.add("seed", &O::seed, "of texts, order and sampling").at_least(0);
  f.add("num_threads", &O::num_threads, "0 = all cores").at_least(0);
  f.add("quick", &O::quick, "a few steps and prompts, to see it work on a slow machine");
  f.add("eval_prompts", &O::eval_prompts, "held-out prompts before and after").at_least(1);
  f.add("middle_prompts", &O::middle_prompts, "held-out prompts between the stages").at_least(1);
  f.add("eval_samples", &O::eval_samples, "answers to each, once the model answers at all")
      .at_least(1);
  f.add("max_completion_length", &O::max_completion_length, "tokens of an answer at most")
      .at_least(1);
  f.add("sft_rows", &O::sft_rows, "demonstrations").within(1, 200);
  f.add("sft_share", &O::sft_share, "share of the training part's sentences and names in them")
      .above(0)
      .at_most(1);
  f.add("sft_validation_rows", &O::sft_validation_rows,
        "held-out demonstrations: SFT ends when their loss rises")
      .at_least(1);
  f.add("sft_batch", &O::sft_batch, "rows of an update").at_least(1);
  f.add("sft_steps", &O::sft_steps, "updates at most").at_least(1);
  f.add("sft_learning_rate", &O::sft_learning_rate, "").above(0);
  f.add("grpo_steps", &O::grpo_steps, "updates").at_least(1);
  f.add("grpo_prompts", &O::grpo_prompts, "prompts of an update").at_least(1);
  f.add("grpo_samples", &O::grpo_samples, "answers to each").at_least(2);
  f.add("grpo_learning_rate", &O::grpo_learning_rate, "").above(0);
  f.add("save_interval_s", &O::save_interval_s, "seconds between checkpoints").at_least(0);
}

Exit run_demo(const DemoOptions& options, const Context& context) {
  return Demo(options, context).run();
}

}  // namespace temper::cli
