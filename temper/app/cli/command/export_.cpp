// export: any model that temper loads (GGUF, Hugging Face folder, run, adapter on a base) as a
// Hugging Face folder that transformers loads. An adapter is merged in float32 (engine/model/
// merge.h), here alone. The folder is loaded again and must give the log-probs of the source, or a
// reward model's scores, before it gets its name.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "temper/app/cli/open_model.h"
#include "temper/engine/model/merge.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/step/score.h"

namespace temper::cli::export_ {

struct Options {
  std::string model, output_dir, dtype = "bfloat16";
};
void describe(config::Fields<Options>& f) {
  f.add("model", &Options::model, "what to export").required();
  f.add("output_dir", &Options::output_dir, "folder to write").required();
  f.add("dtype", &Options::dtype, "of the weights written: bfloat16 or float32")
      .choices({"bfloat16", "float32"});
}

void write(const std::string& folder, const Options& options) {
  const OpenModel source =
      open_model({.model = options.model, .dtype = "float32"}, {.any_head = true});
  const model::Model& model = *source.loaded->model;
  std::vector<float> values;
  weights::write_folder(
      folder, model.config(),
      [&](const weights::NamedShape& tensor) {
        int64_t size = 1;
        for (const int64_t length : tensor.shape) size *= length;
        values.resize(static_cast<size_t>(size));
        model::read_merged(model, tensor.name, values);
        return std::span<const float>(values);
      },
      {.format = options.dtype == "bfloat16" ? file::Format::BF16 : file::Format::F32});
  sample::write_tokenizer(folder, model, source.tokenizer());
}

struct Scored {
  std::vector<float> numbers;  ///< a log-prob a token, or its scores
  bool adapter;
};
Scored score(const std::string& path, const std::string& dtype) {
  const OpenModel model = open_model({.model = path, .dtype = dtype}, {.any_head = true});
  std::vector<int32_t> ids = model.tokenizer().encode(
      "The quick brown fox jumps over the lazy dog. In 1 + 1 = 2 there are three numbers.", true);
  const auto& config = model.loaded->model->config();
  for (int32_t& id : ids) id = std::min(id, static_cast<int32_t>(config.vocabulary - 1));
  ids.resize(std::min<size_t>(ids.size(), static_cast<size_t>(config.max_positions)));
  const bool adapter = model.loaded->model->has_adapter();
  if (model.sampler == nullptr) {
    std::vector<int32_t> places(ids.size());
    std::iota(places.begin(), places.end(), 0);
    return {step::scores(*model.loaded->model, {.answers = {{ids, places}}}), adapter};
  }
  return {model.sampler->score(std::span<const std::vector<int32_t>>(&ids, 1))[0], adapter};
}

/// The largest difference of the numbers before and after. Throws when that is more than rounding.
float compare(const std::string& folder, const Options& options) {
  const Scored before = score(options.model, options.dtype), after = score(folder, options.dtype);
  float largest = 0;
  for (size_t i = 0; i < std::min(before.numbers.size(), after.numbers.size()); ++i) {
    const float difference = std::abs(before.numbers[i] - after.numbers[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN is the largest
  }
  // The same weights give the same numbers. A merged weight is rounded once more: 2^-9 of each
  // weight in bf16, which moves a log-prob by a few hundredths; 2^-24 in float32.
  const float bound = !before.adapter ? 1e-5f : options.dtype == "bfloat16" ? 0.5f : 1e-2f;
  if (after.numbers.size() != before.numbers.size() || !(largest <= bound)) {
    throw Error({fmt::format("the exported model differs: log-probs by up to {} nats, wanted {}",
                             largest, bound),
                 options.output_dir, "nothing was written; export with --dtype float32"});
  }
  return largest;
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  const std::vector<std::string> words = with_model_first(args);
  if (ask(config::bind(options), words, "export", "SRC --output_dir D [--dtype float32]").help) {
    return Exit::Done;
  }
  refuse_used_folder(options.output_dir);
  const std::string partial = options.output_dir + ".partial";
  file::remove_folder(partial);
  float largest = 0;
  try {
    write(partial, options);
    largest = compare(partial, options);
  } catch (...) {
    file::remove_folder(partial);
    throw;
  }
  file::replace_folder(partial, options.output_dir);
  if (!context.terminal.quiet) {
    runlog::print(
        fmt::format("{}: {}, loaded again; its log-probs differ from the source's by {} "
                    "at most\n",
                    options.output_dir, options.dtype, largest));
  }
  return Exit::Done;
}

extern const Command entry = {"try", "any model as a Hugging Face folder", run};

}  // namespace temper::cli::export_
