// Rows of JSON or JSON Lines as the dataset types of TRL 1.16 (docs/data.md). A row keeps every
// column of its file; what differs between formats in the wild is made equal here, once, so that
// the rest sees `text`, `messages`, `prompt`, `completion`, `chosen` and `rejected` only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/text/json.h"

namespace temper::data {

enum class RowType {
  Text,              ///< `text`: a string
  Messages,          ///< `messages`: a conversation
  PromptCompletion,  ///< `prompt` and `completion`: two strings, or two message lists
  PromptOnly,        ///< `prompt`: a string or a message list
  Preference,        ///< `prompt`, `chosen`, `rejected`: strings, or message lists
  Unpaired,          ///< `prompt`, `completion` and `label`: whether such an answer is wanted
  Stepwise,  ///< `prompt`, `completions` (steps) and perhaps `labels`: read only where asked for
  Other      ///< a task's own columns; read only where asked for
};

/// "text", "messages", "prompt-completion", "prompt-only", "preference", "unpaired-preference",
/// "stepwise", "other".
std::string name(RowType type);

struct Row {
  RowType type = RowType::Other;
  bool conversational = false;  ///< message lists, not strings
  JsonPtr value = nullptr;      ///< an object: the columns above, then all others as they were
  std::string where = {};       ///< "rows.jsonl:7", or "rows.json[6]" in a JSON array
};

struct Rejected {
  std::string where, reason;
};

struct DatasetOptions {
  std::string dataset_name = {};  ///< a file, or a folder with a file for each split
  std::string dataset_train_split = "train";
  std::string dataset_test_split = "test";
  double test_split_size = 0;  ///< rows held out for testing: a share below 1, or a number of rows
  std::string on_bad_row = "fail";
  std::string sample_by = "line";  ///< of a .txt file: what one row is
  int64_t max_rows = 0;            ///< of the train split, bad ones not counted; 0 = all
};
void describe(config::Fields<DatasetOptions>& f);

/// Does `work` for the row at `place`. Where bad rows are skipped, an Error of it leaves the row
/// out with the reason.
template <class Work>
void guarded(const DatasetOptions& options, const std::string& place,
             std::vector<Rejected>& rejected, Work work) {
  if (options.on_bad_row != "skip") return work();
  try {
    work();
  } catch (const Error& error) {
    rejected.push_back({place, error.parts().what});
  }
}

struct Dataset {
  RowType type = RowType::Other;
  bool conversational = false;
  std::vector<Row> train;
  std::vector<Row> test;           ///< the test split's file, or what test_split_size held out
  std::vector<Rejected> rejected;  ///< of both splits; empty unless on_bad_row is "skip"
};

/// What `rows` holds of both splits: `work(row, to)` for each row, guarded, `to` being rows.train
/// or rows.test; what the reader rejected is listed behind what `work` did.
template <class Rows, class Work>
void each_row(const Dataset& dataset, const DatasetOptions& options, Rows& rows, Work work) {
  auto read = [&](const std::vector<Row>& from, auto& to) {
    for (const Row& row : from) guarded(options, row.where, rows.rejected, [&] { work(row, to); });
  };
  read(dataset.train, rows.train);
  read(dataset.test, rows.test);
  rows.rejected.insert(rows.rejected.end(), dataset.rejected.begin(), dataset.rejected.end());
}

/// Reads both splits. `wanted` names the types the caller can use, empty for any but Stepwise and
/// Other; a row
/// with `prompt` and `completion` is PromptOnly where only that is wanted. All rows are of the type
/// of the first good one; another type is a bad row. Throws Error with file and line for a bad row
/// (unless they are skipped), a missing file, and a dataset without one good row.
Dataset read_dataset(const DatasetOptions& options, std::span<const RowType> wanted = {},
                     uint64_t seed = 42);

/// One file's text. `where` names it in errors; a name in .txt makes it plain text, a first
/// character `[` a JSON array, all else is JSON Lines.
Dataset parse_dataset(std::string_view text, const std::string& where,
                      const DatasetOptions& options = {}, std::span<const RowType> wanted = {});

/// One row's columns made equal and checked; also what a server does with a body. Throws Error.
Row make_row(Json value, const std::string& where, std::span<const RowType> wanted = {});

/// The two answers of a preference row, the chosen one first, as unpaired rows; an unpaired row as
/// it is.
std::vector<Row> unpaired(const Row& row);

/// The order in which epoch `epoch` (from 0) visits `rows` rows; a pure function of its arguments.
std::vector<int64_t> epoch_order(int64_t rows, uint64_t seed, int64_t epoch);

}  // namespace temper::data
