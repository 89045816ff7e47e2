#include "temper/learn/train/distillation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/engine/sample/sampler.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/step/distil.h"
#include "temper/learn/train/row_loop.h"
#include "temper/learn/train/supervised.h"

namespace temper::train {
namespace {

/// One row: its prompt, and where some steps read the row's own answer, both as tokens.
struct Lesson {
  std::vector<int32_t> prompt;
  chat::TokenRow given;
};

struct Lessons {
  std::vector<Lesson> train, test;
  std::vector<data::Rejected> rejected;
};

Lessons lessons(const DistillationOptions& o, const chat::Renderer& renderer, int64_t context) {
  const bool reads_answers = o.lmbda < 1;
  const data::RowType wanted[] = {reads_answers ? data::RowType::PromptCompletion
                                                : data::RowType::PromptOnly};
  const data::Dataset dataset = data::read_dataset(o.data, wanted, o.common.run_seed());
  Lessons all;
  data::each_row(dataset, o.data, all, [&](const data::Row& row, auto& to) {
    Lesson lesson{.prompt = renderer.prompt(row), .given = {}};
    const int64_t room = context - static_cast<int64_t>(lesson.prompt.size());
    if (o.lmbda > 0 && room < o.max_completion_length) {
      throw Error({fmt::format("a prompt of {} tokens leaves {} of the model's {} to the answer",
                               lesson.prompt.size(), std::max<int64_t>(room, 0), context),
                   row.where, "lower max_completion_length, or --on_bad_row skip"});
    }
    if (reads_answers) {
      lesson.given = renderer.row(row);
      if (lesson.given.trained_tokens() == 0) {
        all.rejected.push_back({row.where, "no trained token"});
        return;
      }
    }
    to.push_back(std::move(lesson));
  });
  return all;
}

void check_vocabularies(const model::Model& student, const token::Tokenizer& tokenizer,
                        const sample::Loaded& teacher, const std::string& path) {
  const int64_t own = student.config().vocabulary, other = teacher.model->config().vocabulary;
  auto refuse = [&](const std::string& what) {
    throw Error({what, path,
                 "a teacher's distribution says nothing over another vocabulary: take a teacher of "
                 "the student's family"});
  };
  if (own != other)
    refuse(fmt::format("the teacher's vocabulary has {} tokens, the student's {}", other, own));
  const int size = std::min(tokenizer.vocabulary_size(), teacher.tokenizer.vocabulary_size());
  for (int32_t id = 0; id < size; ++id) {
    if (tokenizer.token(id) == teacher.tokenizer.token(id)) continue;
    refuse(fmt::format("token {} is '{}' to the teacher and '{}' to the student", id,
                       teacher.tokenizer.token(id), tokenizer.token(id)));
  }
}

class Distillation {
 public:
  Distillation(Run& run, const DistillationOptions& options, const algo::SupervisedLoss& loss,
               const chat::Renderer& renderer)
      : run_(run),
        options_(options),
        renderer_(renderer),
        teacher_(sample::load(options.teacher_model_name_or_path,
                              {.dtype = sample::dtype_of(options.common.dtype), .lora = {}})),
        sampler_(run.model(), run.tokenizer(), renderer.stop_ids(),
                 {.max_sequences = options.max_sequences}),
        distiller_(run.model(), *teacher_.model, loss, options.temperature) {
    check_vocabularies(run.model(), run.tokenizer(), teacher_, options.teacher_model_name_or_path);
  }

  Result train(const Lessons& rows) {
    const CommonOptions& o = run_.options();
    const RowCounts counts{"rows", rows.train.size(), rows.test.size(), 0};
    require_rows(counts, rows.rejected);
    const RowOrder order(static_cast<int64_t>(rows.train.size()), o);
    if (!run_.foresee(forecast(rows, order), order.steps())) return run_.planned();
    run_.begin(order.steps());
    log_rows(run_, order, rows.rejected, "decoded_prompt",
             [&](size_t row) { return renderer_.tokenizer().decode(rows.train[row].prompt); });
    print_rows(run_, order, counts, rows.rejected,
               {fmt::format("{:.0f} % of the updates read the student's own answers",
                            100 * options_.lmbda)});
    const RowLoop loop{.name = run_.command(),
                       .digits = 3,
                       .step = [&](const std::vector<int64_t>& batch) { return step(rows, batch); },
                       .evaluate = [&] { return evaluate(rows.test); }};
    return run_rows(run_, order, loop,
                    {{"train", rows.train.size()},
                     {"test", rows.test.size()},
                     {"rejected", rows.rejected.size()}});
  }

 private:
  /// The teacher reads what the student reads, and its logits are wanted whole.
  Forecast forecast(const Lessons& rows, const RowOrder& order) const {
    RowTokens given, prompts;
    for (const Lesson& lesson : rows.train) {
      given.add(std::ssize(lesson.given.ids), lesson.given.trained_tokens());
      prompts.add(std::ssize(lesson.prompt), 0);
    }
    const CommonOptions& o = run_.options();
    plan::Work work = row_work(order, o, given, {}), own = row_work(order, o, prompts, {});
    const double share = options_.lmbda;
    const double answers = share * order.epochs(order.steps()) * static_cast<double>(order.rows()) *
                           static_cast<double>(options_.max_completion_length);
    work.trained_rows = (1 - share) * work.trained_rows + share * own.trained_rows + answers;
    work.trained_tokens = (1 - share) * work.trained_tokens + answers;
    work.read_rows += share * own.trained_rows;
    work.sampled_tokens = answers;
    work.sequences = static_cast<double>(std::min(options_.max_sequences, order.batch_rows()));
    const weights::ModelConfig& teacher = teacher_.model->config();
    work.other_flops = plan::flops(
        teacher, {.read_rows = work.trained_rows, .scored_tokens = 2 * work.trained_tokens},
        {.training = model::Training::None});
    const int64_t bytes = sample::dtype_of(o.dtype) == kernel::Dtype::BFloat16 ? 2 : 4;
    return {.work = work,
            .max_sequences = share > 0 ? options_.max_sequences : 0,
            .sequence_tokens =
                options_.max_completion_length + static_cast<int64_t>(prompts.read) / order.rows(),
            .other_bytes = bytes * weights::parameters_of(teacher),
            .at_most = share > 0};
  }

  RowStep step(const Lessons& rows, const std::vector<int64_t>& batch) {
    std::vector<const Lesson*> chosen;
    for (int64_t row : batch) chosen.push_back(&rows.train[static_cast<size_t>(row)]);
    const auto number = static_cast<uint32_t>(run_.state().step);
    const random::Stream mix(run_.options().run_seed(), random::Purpose::Mix);
    const bool own = mix.at({.step = number}).chance(options_.lmbda);
    const Answers answers =
        own ? sampled(chosen, random::Purpose::Sample, number) : Answers{.batches = given(chosen)};
    run_.state().sampled_tokens += answers.sampled_tokens;
    const step::BatchResult result = distiller_.train(answers.batches);
    Figures figures = {{"entropy", result.mean_entropy},
                       {"mean_token_accuracy", result.token_accuracy},
                       {"on_policy", own ? 1.0 : 0.0}};
    figures.insert(figures.end(), answers.lengths.begin(), answers.lengths.end());
    return {.loss = result.loss, .tokens = result.read_tokens, .figures = figures};
  }

  std::optional<RowEvaluation> evaluate(const std::vector<Lesson>& test) {
    if (test.empty() || run_.options().eval_steps == 0) return std::nullopt;
    std::vector<const Lesson*> chosen;
    for (const Lesson& lesson : test) chosen.push_back(&lesson);
    const step::BatchResult result = distiller_.evaluate(
        options_.lmbda > 0 ? sampled(chosen, random::Purpose::Evaluate, 0).batches : given(chosen));
    return RowEvaluation{.figure = result.loss, .figures = {{"entropy", result.mean_entropy}}};
  }

  /// What an update reads.
  struct Answers {
    std::vector<batch::Packed> batches;
    int64_t sampled_tokens = 0;  ///< 0: they are the rows' own
    Figures lengths{};           ///< of sampled ones
  };

  /// The student's answers of now; all their tokens count.
  Answers sampled(const std::vector<const Lesson*>& rows, random::Purpose purpose, uint32_t step) {
    std::vector<chat::Request> requests;
    for (const Lesson* lesson : rows) {
      chat::Request& request = requests.emplace_back();
      request.prompt = lesson->prompt;
      request.options.temperature = options_.temperature;
      request.options.max_tokens = options_.max_completion_length;
      request.seed = run_.options().run_seed();
      request.purpose = purpose;
      request.step = step;
      request.prompt_id = static_cast<uint32_t>(requests.size() - 1);
    }
    const std::vector<std::vector<chat::Completion>> said = sampler_.speak(requests);
    std::vector<batch::Group> groups;
    int64_t tokens = 0;
    double cut = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      const chat::Completion& answer = said[i][0];
      tokens += std::ssize(answer.tokens);
      cut += answer.finish == chat::Finish::Length ? 1 : 0;
      groups.push_back({.prompt = rows[i]->prompt,
                        .answers = {{answer.tokens, std::vector<uint8_t>(answer.tokens.size(), 1),
                                     static_cast<int64_t>(i)}}});
    }
    const auto count = static_cast<double>(rows.size());
    return {.batches = batch::pack(groups, run_.options().micro_batch_tokens),
            .sampled_tokens = tokens,
            .lengths = {{"completions/mean_length", static_cast<double>(tokens) / count},
                        {"completions/clipped_ratio", cut / count}}};
  }

  std::vector<batch::Packed> given(const std::vector<const Lesson*>& rows) const {
    std::vector<const chat::TokenRow*> tokens;
    for (const Lesson* lesson : rows) tokens.push_back(&lesson->given);
    return packed(tokens, {.budget = run_.options().micro_batch_tokens});
  }

  Run& run_;
  const DistillationOptions& options_;
  const chat::Renderer& renderer_;
  sample::Loaded teacher_;
  sample::Sampler sampler_;
  step::Distiller distiller_;
};

}  // namespace

void describe(config::Fields<DistillationOptions>& f) {
  using O = DistillationOptions;
  f.include(&O::common);
  f.group("teacher");
  f.add("teacher_model_name_or_path", &O::teacher_model_name_or_path,
        "a model with the student's vocabulary: a Hugging Face folder, a GGUF file or an adapter's "
        "folder")
      .required();
  f.add("lmbda", &O::lmbda,
        "share of the updates that read the student's own answers; the others read the rows'")
      .within(0, 1);
  f.group("sampling");
  f.add("temperature", &O::temperature, "of sampling, and of both distributions").above(0);
  f.add("max_completion_length", &O::max_completion_length, "tokens of a sampled answer at most")
      .at_least(1);
  f.add("max_sequences", &O::max_sequences, "answers written at once").at_least(1);
  f.group("data");
  f.include(&O::data);
  f.group("tokens");
  f.include(&O::render);
}

DistillationOptions distillation_defaults() {
  DistillationOptions options;
  options.common.learning_rate = 1e-6;
  return options;
}

Result distillation(const DistillationOptions& options, const algo::SupervisedLoss& loss,
                    const Setting& setting) {
  Run run(options.common, setting);
  chat::RendererOptions render = options.render;
  render.now_s = static_cast<int64_t>(clock::epoch_seconds());
  const chat::Renderer renderer(run.tokenizer(), render, run.end_ids());
  Distillation loop(run, options, loss, renderer);
  return loop.train(lessons(options, renderer, run.model().config().max_positions));
}

}  // namespace temper::train
