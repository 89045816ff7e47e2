#include "temper/engine/sample/sampler.h"

#include <algorithm>
#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/engine/sample/session.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {

Sampler::Sampler(model::Model& model, const token::Tokenizer& tokenizer,
                 std::vector<int32_t> end_tokens, const SamplerOptions& options)
    : model_(model), tokenizer_(tokenizer), end_tokens_(std::move(end_tokens)), options_(options) {}

std::vector<std::vector<chat::Completion>> Sampler::speak(std::span<const chat::Request> requests) {
  return run_session(*this, requests);
}

void Sampler::mix(model::Model& other, double share) {
  const int64_t own = model_.config().vocabulary, theirs = other.config().vocabulary;
  if (own != theirs) {
    throw Error({"the vocabularies have " + std::to_string(own) + " and " + std::to_string(theirs) +
                     " tokens",
                 "a mixture of two models", "take models of one family"});
  }
  mixed_ = &other;
  mixed_share_ = share;
  cache_blocks_ = 0;
}

std::vector<std::vector<float>> Sampler::score(std::span<const std::vector<int32_t>> sequences) {
  std::vector<std::vector<float>> all;
  for (const std::vector<int32_t>& sequence : sequences) {
    const std::string where = named("sequence", all.size(), sequences.size());
    check_ids(sequence, model_.config().vocabulary, where);
    const int64_t rows = static_cast<int64_t>(sequence.size()) - 1;
    std::vector<float> logp(static_cast<size_t>(std::max<int64_t>(0, rows)));
    if (rows > 0) {
      if (rows >= model_.config().max_positions) {
        throw Error({"the sequence has " + std::to_string(rows + 1) +
                         " tokens, the model's context holds " +
                         std::to_string(model_.config().max_positions),
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
      model::KvCache cache = model_.cache(batch.blocks);
      tensor::Floats hidden(rows * model_.config().width);
      model_.infer(batch, cache, hidden.data());
      kernel::head({.hidden = hidden.data(),
                    .rows = rows,
                    .weight = model_.head().forward,
                    .targets = sequence.data() + 1},
                   {.logp = logp.data()});
    }
    all.push_back(std::move(logp));
  }
  return all;
}

}  // namespace temper::sample
