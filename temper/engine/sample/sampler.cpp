#include "temper/engine/sample/sampler.h"

#include <algorithm>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/engine/sample/session.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {

Sampler::Sampler(model::Model& model, const token::Tokenizer& tokenizer,
                 std::vector<int32_t> end_tokens, const SamplerOptions& options)
    : runner_(model),
      tokenizer_(tokenizer),
      end_tokens_(std::move(end_tokens)),
      options_(options) {}

std::vector<std::vector<chat::Completion>> Sampler::speak(std::span<const chat::Request> requests) {
  return run_session(*this, requests);
}

std::vector<std::vector<float>> Sampler::score(std::span<const std::vector<int32_t>> sequences) {
  model::Model& model = runner_.model();
  std::vector<std::vector<float>> all;
  for (const std::vector<int32_t>& sequence : sequences) {
    const std::string where = named("sequence", all.size(), sequences.size());
    check_ids(sequence, model.config().vocabulary, where);
    const int64_t rows = static_cast<int64_t>(sequence.size()) - 1;
    std::vector<float> logp(static_cast<size_t>(std::max<int64_t>(0, rows)));
    if (rows > 0) {
      if (rows >= model.config().max_positions) {
        throw Error({"the sequence has " + std::to_string(rows + 1) +
                         " tokens, the model's context holds " +
                         std::to_string(model.config().max_positions),
                     where, "shorten it"});
      }
      model::Batch batch;
      batch.tokens.assign(sequence.begin(), sequence.end() - 1);
      model::SequenceRows run{.rows = rows};
      for (int64_t i = 0; i < rows; ++i) {
        batch.positions.push_back(static_cast<int32_t>(i));
        batch.outputs.push_back(static_cast<int32_t>(i));
      }
      batch.blocks = blocks_for(rows);
      for (int64_t block = 0; block < batch.blocks; ++block)
        run.blocks.push_back(static_cast<int32_t>(block));
      batch.sequences.push_back(std::move(run));
      model::KvCache cache = model.cache(batch.blocks);
      tensor::Floats hidden(rows * model.config().width);
      model.infer(batch, cache, hidden.data());
      kernel::head({.hidden = hidden.data(),
                    .rows = rows,
                    .weight = model.head().forward,
                    .targets = sequence.data() + 1},
                   {.logp = logp.data()});
    }
    all.push_back(std::move(logp));
  }
  return all;
}

}  // namespace temper::sample
