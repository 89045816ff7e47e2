// The supervised loop: rows become tokens, are packed without padding, and a member of the
// supervised family says what is learned from them.
#pragma once

#include <memory>
#include <optional>

#include "temper/language/chat/renderer.h"
#include "temper/learn/batch/pack.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::algo {
class SupervisedLoss;
}

namespace temper::train {

/// Rows as tokens: from a data set, or made in memory.
struct TokenRows {
  std::vector<chat::TokenRow> train, test;
  /// Indices of `train` that make one row of a batch; none: each row by itself.
  std::vector<std::vector<size_t>> bins = {};
  int64_t dropped = 0;  ///< rows without a trained token
  int64_t truncated = 0;
  std::vector<data::Rejected> rejected;
};

/// Reads and renders the data set of `options`; lints it first. Rows that cannot be used are
/// counted and listed.
TokenRows token_rows(const SftOptions& options, const chat::Renderer& renderer);
/// Rendered rows of a data set that is already in memory.
TokenRows token_rows(std::span<const data::Row> train, std::span<const data::Row> test,
                     const chat::Renderer& renderer);

struct MicroBatches {
  int64_t budget;                ///< tokens of one at most
  bool shares_beginning = true;  ///< a long beginning of all rows is run once a micro-batch
};
/// Rows without padding in micro-batches. An answer's id is its row's place.
std::vector<batch::Packed> packed(std::span<const chat::TokenRow* const> rows,
                                  const MicroBatches& wanted);

/// Runs `loss` over the rows, with noise on their embeddings where alpha is given (neftune.h).
Result supervised(Run& run, const TokenRows& rows, const chat::Renderer& renderer,
                  const algo::SupervisedLoss& loss, std::optional<double> neftune_noise_alpha = {});

/// The whole command: opens the run, reads the data, trains.
Result sft(const SftOptions& options, const algo::SupervisedLoss& loss, const Setting& setting);

}  // namespace temper::train
