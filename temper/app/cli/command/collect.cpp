// temper collect: rows to learn from, made of a model's own answers to an environment's training
// prompts: rejection sampling.
//
//   best    the best of n answers, where its reward reaches --min_reward: rows for temper sft
//           (RAFT, Dong et al. 2023, arXiv 2304.06767, eq. 2; rejection sampling of Llama 2 and R1)
//   passed  every answer whose reward reaches it, the same text once (STaR, Zelikman et al. 2022,
//           arXiv 2203.14465, without its hints)
//   pairs   the best and the worst answer of a prompt, where their rewards differ: rows for temper
//           dpo
//   demonstrations  the environment's own right answers, for a cold start; the model is not asked
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/app/cli/open_model.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/runlog/progress.h"
#include "temper/learn/evaluate/rollout.h"
#include "temper/learn/train/generator.h"

namespace temper::cli::collect {

struct Options {
  ModelOptions model;
  std::string output_dir, chat_template_path;
  train::EnvironmentOptions rows;
  int64_t samples = 8, seed = 42, max_sequences = 64;
  std::string keep = "best";
  std::optional<double> min_reward;
  chat::SamplingOptions sampling;
};
void describe(config::Fields<Options>& f) {
  f.include(&Options::model);
  f.add("output_dir", &Options::output_dir, "folder for rows.jsonl and summary.json").required();
  f.add("chat_template_path", &Options::chat_template_path, "a Jinja file for the prompts");
  f.include(&Options::rows, train::describe_environment);
  f.group("what is kept");
  f.add("samples", &Options::samples, "answers to each prompt").at_least(1);
  f.add("keep", &Options::keep,
        "the best answer of a prompt, all that passed, the best and the worst as a pair, or the "
        "environment's own right answers")
      .choices({"best", "passed", "pairs", "demonstrations"});
  f.add("min_reward", &Options::min_reward,
        "reward that a kept answer has at least; unset: the highest there is, and for pairs none");
  f.group("sampling");
  f.add("seed", &Options::seed, "of rows and random draws").at_least(0);
  f.add("max_sequences", &Options::max_sequences, "answers written at once").at_least(1);
  f.include(&Options::sampling, describe_sampling);
}

Json messages_of(const env::Row& row) {
  Json messages = Json::array();
  for (const chat::Message& message : row.prompt) messages.push_back(chat::to_json(message));
  return messages;
}

Json said(const std::string& text) {
  return Json::array({{{"role", "assistant"}, {"content", text}}});
}

class Collection {
 public:
  Collection(const Options& options, double highest, const std::string& path)
      : options_(options),
        min_reward_(options.min_reward.value_or(options.keep == "pairs" ? -1e300 : highest - 1e-9)),
        file_(path) {}

  void add(const evaluate::Rollout& rollout) {
    std::vector<size_t> scored;
    for (size_t i = 0; i < rollout.verdicts.size(); ++i) {
      ++answers_;
      if (rollout.verdicts[i].outcome != reward::Outcome::Scored) continue;
      scored.push_back(i);
      total_ += rollout.verdicts[i].reward;
    }
    scored_ += std::ssize(scored);
    // the first of equals, whatever order they were drawn in
    std::stable_sort(scored.begin(), scored.end(), [&](size_t a, size_t b) {
      return rollout.verdicts[a].reward > rollout.verdicts[b].reward;
    });
    if (scored.empty() || rollout.verdicts[scored[0]].reward < min_reward_) return;
    ++prompts_kept_;
    if (options_.keep == "pairs") return pair(rollout, scored.front(), scored.back());
    if (options_.keep == "best") return row(rollout, scored.front());
    std::set<std::string> texts;
    for (size_t i : scored) {
      if (rollout.verdicts[i].reward < min_reward_) break;
      if (texts.insert(rollout.completions[i].text).second) row(rollout, i);
    }
  }

  void demonstrate(const env::Row& row, const std::string& answer) {
    if (answer.empty()) {
      throw Error({"the environment has no right answer of its own", row.where,
                   "--keep best keeps the model's"});
    }
    ++prompts_kept_;
    write({{"prompt", messages_of(row)}, {"completion", said(answer)}});
  }

  Json summary() {
    file_.close();
    if (file_.fail())
      throw Error({"the rows could not be written", options_.output_dir, "is the disk full?"});
    return {{"rows", rows_},
            {"prompts_kept", prompts_kept_},
            {"answers", answers_},
            {"scored", scored_},
            {"mean_reward", scored_ > 0 ? Json(total_ / static_cast<double>(scored_)) : Json()}};
  }
  int64_t rows() const { return rows_; }
  int64_t prompts_kept() const { return prompts_kept_; }

 private:
  void row(const evaluate::Rollout& rollout, size_t answer) {
    write({{"prompt", messages_of(rollout.row)},
           {"completion", said(rollout.completions[answer].text)},
           {"reward", rollout.verdicts[answer].reward}});
  }
  void pair(const evaluate::Rollout& rollout, size_t best, size_t worst) {
    const double better = rollout.verdicts[best].reward, worse = rollout.verdicts[worst].reward;
    if (better <= worse) {
      --prompts_kept_;
      return;
    }
    write({{"prompt", messages_of(rollout.row)},
           {"chosen", said(rollout.completions[best].text)},
           {"rejected", said(rollout.completions[worst].text)},
           {"chosen_reward", better},
           {"rejected_reward", worse}});
  }
  void write(const Json& row) {
    file_ << text::to_line(row) << '\n';
    ++rows_;
  }

  const Options& options_;
  double min_reward_;
  std::ofstream file_;
  int64_t rows_ = 0, prompts_kept_ = 0, answers_ = 0, scored_ = 0;
  double total_ = 0;
};

/// False: interrupted.
bool ask_all(const Options& options, const OpenModel& model, const env::Environment& environment,
             const Context& context, Collection& to) {
  int64_t prompts = environment.size(env::Split::Train);
  if (options.rows.train_rows > 0) prompts = std::min(prompts, options.rows.train_rows);
  const int64_t at_once = std::max<int64_t>(1, 2 * options.max_sequences / options.samples);
  runlog::Progress progress(context.terminal, "collect", prompts);
  for (int64_t first = 0; first < prompts; first += at_once) {
    std::vector<env::Row> rows;
    for (int64_t i = first; i < std::min(prompts, first + at_once); ++i)
      rows.push_back(environment.row(env::Split::Train, i, static_cast<uint64_t>(options.seed)));
    if (options.keep == "demonstrations") {
      for (const env::Row& row : rows) to.demonstrate(row, environment.demonstration(row));
      progress.update(std::min(prompts, first + at_once), {});
      continue;
    }
    const std::vector<evaluate::Rollout> found =
        evaluate::roll_out(environment, rows, *model.renderer, *model.sampler,
                           {.samples = options.samples,
                            .sampling = options.sampling,
                            .seed = static_cast<uint64_t>(options.seed),
                            .first_prompt = static_cast<uint32_t>(first)});
    if (context.stopped()) {
      progress.abandon();
      return false;
    }
    for (const evaluate::Rollout& rollout : found) to.add(rollout);
    progress.update(std::min(prompts, first + at_once), {fmt::format("{} rows", to.rows())});
  }
  progress.finish({fmt::format("{} rows of {} prompts", to.rows(), to.prompts_kept())});
  return true;
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const config::Binding binding = config::bind(options);
  const char* usage = "--model M --env NAME --samples 8 --output_dir D";
  if (ask(binding, args, "collect", usage).help) return Exit::Done;
  if (options.keep == "pairs" && options.samples < 2) {
    throw UsageError(Error({"a pair takes two answers", "--samples 1", "--samples 8, say"}));
  }
  refuse_used_folder(options.output_dir);
  const std::unique_ptr<env::Environment> environment = train::environment_of(options.rows);
  const OpenModel model =
      open_model(options.model, {.render = {.chat_template_path = options.chat_template_path},
                                 .sampler = {.max_sequences = options.max_sequences}});
  model.sampler->listen([&](const sample::Event&) { return !context.stopped(); });
  file::make_folder(options.output_dir);
  const std::string rows = options.output_dir + "/rows.jsonl";
  Collection collection(options, environment->rubric().highest(), rows + ".partial");
  if (!ask_all(options, model, *environment, context, collection)) {
    file::remove_folder(options.output_dir);  // it was empty; half the rows are no use
    return Exit::Interrupted;
  }
  Json summary = {{"command", "collect"}, {"seed", options.seed}, {"keep", options.keep}};
  const Json counts = collection.summary();
  for (const auto& [key, value] : counts.items()) summary[key] = value;
  file::replace_file(rows + ".partial", rows);
  file::write_atomically(options.output_dir + "/config.yaml", config::to_yaml(binding));
  file::write_atomically(options.output_dir + "/summary.json", summary.dump(2) + "\n");
  if (collection.rows() == 0) {
    runlog::print("note: no answer was good enough; lower --min_reward, or draw more --samples\n");
  }
  return Exit::Done;
}

extern const Command entry = {"try", "keep a model's best answers as rows to learn from", run};

}  // namespace temper::cli::collect
