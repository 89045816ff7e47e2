#include "temper/learn/train/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "temper/engine/model/dither.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/engine/tensor/isa.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/config/yaml.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::train {
namespace {

constexpr const char* kCritic = "value_model";

/// "key: value" lines that differ between two configs, leaving out what may change on resume.
std::string first_difference(const std::string& before, const std::string& now) {
  static const std::set<std::string> free = {
      "resume_from_checkpoint", "num_threads", "memory_limit", "save_interval_s", "save_steps",
      "save_total_limit",       "show_every",  "output_dir"};
  auto lines = [](const std::string& text) {
    std::map<std::string, std::string> found;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      const size_t colon = line.find(':');
      if (line.empty() || line[0] == '#' || line[0] == ' ' || colon == std::string::npos) continue;
      if (!free.contains(line.substr(0, colon)))
        found[line.substr(0, colon)] = line.substr(colon + 1);
    }
    return found;
  };
  const auto old_lines = lines(before), new_lines = lines(now);
  for (const auto& [key, value] : new_lines) {
    const auto old = old_lines.find(key);
    if (old == old_lines.end() || old->second != value) {
      return key + ":" + value + ", was" + (old == old_lines.end() ? " not there" : old->second);
    }
  }
  return "";
}

}  // namespace

Json machine_json() {
  return {{"isa", std::string(tensor::name(tensor::isa()))}, {"threads", tensor::threads()}};
}

Run::Run(const CommonOptions& options, const Setting& setting, weights::HeadKind head)
    : options_(options),
      setting_(setting),
      resumed_([&] {
        if (options.num_threads > 0) tensor::use_threads(static_cast<int>(options.num_threads));
        sample::limit_memory(options.memory_limit);
        refuse_too_large(model_options(options, head));
        open_folder();
        return resumed_;
      }()),
      trained_{sample::load(options.model_name_or_path, model_options(options, head))},
      log_(options.output_dir),
      began_(clock::seconds()),
      saved_(clock::seconds()) {
  log_.write_config(setting.config_yaml);
}

Run::~Run() {
  if (resumed_ || trained_.optimizer) return;
  std::error_code ignored;  // what cannot be removed stays, and the next try says so
  for (const auto& entry : std::filesystem::directory_iterator(options_.output_dir, ignored)) {
    const std::string name = entry.path().filename();
    const bool own = name == "config.yaml" || name == "metrics.jsonl" || name == "rollouts.jsonl" ||
                     name == "rejected.jsonl" || name == "reference.jsonl" ||
                     name.starts_with("events.out.tfevents.");
    if (own) std::filesystem::remove(entry.path(), ignored);
  }
  if (made_folder_) std::filesystem::remove(options_.output_dir, ignored);  // if nothing is in it
}

/// By what the options alone tell, before anything is loaded.
void Run::refuse_too_large(const model::ModelOptions& wanted) const {
  const std::string& path = options_.model_name_or_path;
  if (model::is_adapter_folder(path)) return;
  const weights::ModelConfig config = weights::Checkpoint::open(path).config();
  train::foresee(options_, wanted, config, {}, 0);
}

void Run::open_folder() {
  const std::string& folder = options_.output_dir;
  const bool wanted =
      !options_.resume_from_checkpoint.empty() && options_.resume_from_checkpoint != "false";
  resumed_ = false;
  if (!file::exists(folder + "/config.yaml")) {
    if (wanted && options_.resume_from_checkpoint == "true" && file::exists(folder)) {
      throw Error(
          {"there is no run to resume", folder, "leave out --resume_from_checkpoint to start one"});
    }
    made_folder_ = !file::exists(folder);
    return file::make_folder(folder);
  }
  if (!wanted) {
    const bool finished = file::exists(folder + "/summary.json");
    throw Error({std::string("the folder already holds a ") +
                     (finished ? "finished run" : "run that was stopped"),
                 folder,
                 finished
                     ? "choose another --output_dir"
                     : "--resume_from_checkpoint true to go on with it, or another --output_dir"});
  }
  const std::string difference =
      first_difference(file::read_file(folder + "/config.yaml"), setting_.config_yaml);
  if (!difference.empty()) {
    throw Error({"the run was begun with other options: " + difference, folder + "/config.yaml",
                 "resume with the same options, or choose another --output_dir"});
  }
  resumed_ = true;
}

CheckpointParts Run::parts(const Trained& trained, const std::string& name) {
  return {.model = *trained.loaded.model,
          .optimizer = *trained.optimizer,
          .tokenizer = trained.loaded.tokenizer,
          .base = trained.loaded.base,
          .name = name};
}

std::vector<CheckpointParts> Run::all_parts() const {
  std::vector<CheckpointParts> all = {parts(trained_)};
  all[0].reference = reference_;
  if (critic_) all.push_back(parts(*critic_, kCritic));
  return all;
}

void Run::train_critic(sample::Loaded critic, double learning_rate) {
  ASSERT(!trained_.optimizer, "a critic comes before the run begins");
  critic_.emplace(Trained{std::move(critic)});
  critic_rate_ = learning_rate;
}

void Run::start(Trained& trained, double peak, const random::Stream& dither) {
  const CommonOptions& o = options_;
  const int64_t warmup =
      o.warmup_steps > 0
          ? o.warmup_steps
          : static_cast<int64_t>(std::ceil(o.warmup_ratio * static_cast<double>(total_steps_)));
  trained.schedule = {.kind = o.lr_scheduler_type,
                      .peak = peak,
                      .warmup_steps = warmup,
                      .total_steps = total_steps_};
  model::Model& model = *trained.loaded.model;
  trained.optimizer =
      std::make_unique<optim::AdamW>(model, optim::AdamWOptions{.beta1 = o.adam_beta1,
                                                                .beta2 = o.adam_beta2,
                                                                .eps = o.adam_epsilon,
                                                                .weight_decay = o.weight_decay,
                                                                .max_grad_norm = o.max_grad_norm,
                                                                .moments = moments_of(o)});
  if (!o.use_peft && sample::dtype_of(o.dtype) == kernel::Dtype::BFloat16)
    model::dither(model.store(), dither);
}

int64_t Run::disk_bytes() const {
  const int64_t critic = critic_ ? checkpoint_bytes(*critic_->loaded.model) : 0;
  return (options_.save_total_limit + 2) * (checkpoint_bytes(*trained_.loaded.model) + critic +
                                            static_cast<int64_t>(reference_.size_bytes()));
}

void Run::check_disk() const {
  const int64_t needed = disk_bytes();
  if (const int64_t room = file::free_bytes(options_.output_dir); room < needed) {
    throw Error({"the disk has " + std::to_string(room >> 20) +
                     " MB left, the run's checkpoints need " + std::to_string(needed >> 20) + " MB",
                 options_.output_dir, "free some, lower --save_total_limit, or use --use_peft"});
  }
}

bool Run::foresee(const Forecast& forecast, int64_t total_steps) {
  foreseen_ =
      train::foresee(options_, model().options(), model().config(), forecast, tensor::held().now);
  if (setting_.plan_only || !brief()) {
    runlog::print("plan       " +
                  plan::line(foreseen_->prediction, foreseen_->probe, foreseen_->at_most) + "\n");
  }
  if (setting_.plan_only) {
    runlog::print(details(*foreseen_));
    runlog::print(
        fmt::format("disk       {:.2f} GB for checkpoints and the model; {:.1f} GB are "
                    "free\nsteps      {}\n",
                    static_cast<double>(disk_bytes()) / 1e9,
                    static_cast<double>(file::free_bytes(options_.output_dir)) / 1e9, total_steps));
  }
  return !setting_.plan_only;
}

Result Run::planned() const {
  return {.state = state_, .only_planned = true, .summary = nullptr};
}

void Run::begin(int64_t total_steps) {
  ASSERT(!setting_.plan_only, "a run that is only planned does not begin");
  total_steps_ = total_steps;
  const random::Stream dither(options_.run_seed(), random::Purpose::Dither);
  start(trained_, options_.learning_rate, dither);
  if (critic_) start(*critic_, critic_rate_, dither.part(1));
  check_disk();
  state_.bit_class = tensor::bit_class(tensor::isa());
  if (resumed_) restore();
}

void Run::restore() {
  const std::string& from = options_.resume_from_checkpoint;
  const std::optional<std::string> folder =
      from == "true" ? newest_checkpoint(options_.output_dir) : std::optional(from);
  if (!folder) {  // stopped before the first checkpoint: begin again with empty logs
    Json nothing = log_.offsets();
    for (auto& offset : nothing) offset = 0;
    return log_.truncate_to(nothing);
  }
  state_ = load_checkpoint(*folder, all_parts(), log_);
  first_step_ = saved_step_ = state_.step;
  if (state_.bit_class != tensor::bit_class(tensor::isa())) {
    runlog::print("note: the run was begun on the '" + state_.bit_class +
                  "' kernels; from here on its bits differ from an uninterrupted run's\n");
  }
}

double Run::learning_rate() const {
  return optim::learning_rate(trained_.schedule, state_.step);
}

Run::Update Run::update(double loss) {
  return update(trained_, loss);
}

Run::Update Run::update_critic(double loss) {
  return update(*critic_, loss);
}

Run::Update Run::update(Trained& trained, double loss) {
  const double rate = optim::learning_rate(trained.schedule, state_.step);
  Update result{.grad_norm = 0, .learning_rate = rate, .skipped = !std::isfinite(loss)};
  if (result.skipped) {
    result.grad_norm = trained.optimizer->gradient_norm();
    trained.optimizer->zero_gradients();
  } else {
    const optim::UpdateResult update = trained.optimizer->step(rate);
    result.grad_norm = update.grad_norm;
    result.skipped = update.skipped;
  }
  if (!result.skipped) return result;
  ++state_.skipped_steps;
  log_.rejected({{"step", state_.step},
                 {"reason", "the loss or a gradient is not finite; the step was skipped"},
                 {"loss", std::isfinite(loss) ? Json(loss) : Json()},
                 {"grad_norm", std::isfinite(result.grad_norm) ? Json(result.grad_norm) : Json()}});
  if (state_.skipped_steps > options_.max_skipped_steps) {
    throw Error(
        {std::to_string(state_.skipped_steps) + " steps had a loss or gradient that is not finite",
         options_.output_dir + "/rejected.jsonl",
         "lower --learning_rate, or use --dtype float32; --max_skipped_steps allows more"});
  }
  return result;
}

void Run::log_metrics(const Figures& metrics, double epoch) {
  log_.log({.step = state_.step, .epoch = epoch, .values = metrics});
}

void Run::advance(const Figures& metrics, double epoch) {
  ++state_.step;
  if (state_.step % options_.logging_steps == 0 || done()) log_metrics(metrics, epoch);
}

bool Run::checkpoint() {
  const bool asked = setting_.interrupted != nullptr && *setting_.interrupted;
  const bool by_steps = options_.save_steps > 0 &&
                        state_.step / options_.save_steps != saved_step_ / options_.save_steps;
  const bool by_time =
      options_.save_interval_s > 0 && clock::seconds() - saved_ >= options_.save_interval_s;
  if (asked || by_steps || by_time) save();
  return !asked;
}

void Run::judge(double figure, bool higher_is_better) {
  const double better = higher_is_better ? figure - state_.best : state_.best - figure;
  if (state_.best_step < 0 || better > 0) {
    state_.best = figure;
    state_.best_step = state_.step;
    state_.evaluations_since = 0;
    const std::string folder = options_.output_dir + "/best";
    file::remove_folder(folder + ".partial");
    write_weights(folder + ".partial", parts(trained_));
    file::replace_folder(folder + ".partial", folder);
    return;
  }
  ++state_.evaluations_since;
  if (options_.early_stopping_patience > 0 &&
      state_.evaluations_since >= options_.early_stopping_patience) {
    state_.ended_early = true;
  }
}

double Run::flops() const {
  return trained_.loaded.model->flops() + (critic_ ? critic_->loaded.model->flops() : 0);
}

double Run::seconds() const {
  return state_.seconds + clock::seconds() - began_;
}

void Run::save() {
  State now = state_;
  now.seconds = seconds();
  save_checkpoint(options_.output_dir, all_parts(), now, log_, options_.save_total_limit);
  saved_ = clock::seconds();
  saved_step_ = state_.step;
}

Result Run::interrupted() {
  return {.state = state_,
          .interrupted = true,
          .head = model().config().head,
          .flops = flops(),
          .summary = nullptr};
}

/// What was foreseen against what it took; of a run that was resumed only the memory.
void Run::print_outcome(const Json& summary) const {
  if (!foreseen_ || brief()) return;
  const bool whole = first_step_ == 0;
  runlog::print(fmt::format("took       {:.1f} GB{}{}, foreseen {:.1f} GB{}{}\n",
                            static_cast<double>(summary["peak_bytes"].get<int64_t>()) / 1e9,
                            whole ? " and " : "", whole ? plan::duration(state_.seconds) : "",
                            static_cast<double>(foreseen_->prediction.peak_bytes) / 1e9,
                            whole ? (foreseen_->at_most ? " and at most " : " and ") : "",
                            whole ? plan::duration(foreseen_->prediction.seconds) : ""));
}

Result Run::finish(const Json& extra) {
  const std::string& folder = options_.output_dir;
  const bool best =
      options_.load_best_model_at_end && state_.best_step >= 0 && state_.best_step != state_.step;
  if (best) {
    for (const std::string& name : file::names_in(folder + "/best")) {
      file::write_atomically(folder + "/" + name, file::read_file(folder + "/best/" + name));
    }
  } else {
    write_weights(folder, parts(trained_));
  }
  if (critic_) write_weights(folder + "/" + kCritic, parts(*critic_));
  state_.seconds = seconds();
  began_ = clock::seconds();
  const double tokens = static_cast<double>(state_.tokens + state_.sampled_tokens);
  Json summary = {
      {"command", setting_.command},
      {"seed", options_.seed},
      {"steps", state_.step},
      {"seconds", state_.seconds},
      {"tokens_per_second", tokens / std::max(1e-9, state_.seconds)},
      {"peak_bytes", tensor::held().peak},
      {"tflop", flops() / 1e12},
      {"mismatch", {{"max", state_.largest_mismatch}, {"compared", state_.compared}}},
      {"skipped_steps", state_.skipped_steps},
      {"best",
       {{"figure", state_.best_step < 0 ? Json() : Json(state_.best)}, {"step", state_.best_step}}},
      {"final_model_from_step", best ? state_.best_step : state_.step},
      {"machine", machine_json()}};
  for (const auto& [key, value] : extra.items()) summary[key] = value;
  if (foreseen_) summary["plan"] = to_json(*foreseen_);
  log_.flush();
  log_.write_summary(summary);
  print_outcome(summary);
  return {.state = state_,
          .interrupted = false,
          .head = model().config().head,
          .flops = flops(),
          .summary = std::make_shared<const Json>(summary)};
}

}  // namespace temper::train
