// Files and splits, and the order in which rows are visited.
#include "temper/language/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/random/random.h"
#include "temper/foundation/text/utf8.h"

namespace temper::data {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string kind(RowType type, bool conversational) {
  bool both = type == RowType::PromptOnly || type == RowType::PromptCompletion ||
              type == RowType::Preference || type == RowType::Unpaired;
  return name(type) + (both ? conversational ? " of messages" : " of strings" : "");
}

/// Gathers rows and holds them to the type of the first.
class Reader {
 public:
  Reader(const DatasetOptions& options, std::span<const RowType> wanted, int64_t max_rows)
      : options_(options), wanted_(wanted), max_rows_(max_rows) {}

  bool full() const { return max_rows_ > 0 && std::ssize(rows) >= max_rows_; }

  void read(std::string_view text, const std::string& where) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (where.ends_with(".txt")) return read_text(text, where);
    size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return;
    if (text[first] == '[') return read_array(text, where);
    for (int64_t line = 1; !text.empty() && !full(); ++line) {
      size_t end = std::min(text.find('\n'), text.size());
      std::string_view one = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (one.find_first_not_of(kSpace) == std::string_view::npos) continue;
      std::string place = where + ":" + std::to_string(line);
      guarded(options_, place, rejected, [&] { add(text::parse_json(one, place), place); });
    }
  }

  std::vector<Row> rows;
  std::vector<Rejected> rejected;

 private:
  /// Rows of plain text: lines, paragraphs (a blank line stands between two), or all of it.
  void read_text(std::string_view text, const std::string& where) {
    const bool lines = options_.sample_by == "line", whole = options_.sample_by == "document";
    const std::string_view between = lines ? "\n" : "\n\n";
    for (int64_t line = 1; !text.empty() && !full();) {
      const size_t end = whole ? text.size() : std::min(text.find(between), text.size());
      const std::string_view one = text.substr(0, end);
      const std::string_view read = text.substr(0, std::min(end + between.size(), text.size()));
      const std::string place = where + ":" + std::to_string(line);
      line += std::count(read.begin(), read.end(), '\n');
      text.remove_prefix(read.size());
      if (one.find_first_not_of(kSpace) == std::string_view::npos) continue;
      guarded(options_, place, rejected, [&] {
        if (!text::is_utf8(one)) throw Error({"the text is not UTF-8", place, "convert it first"});
        add({{"text", std::string(one)}}, place);
      });
    }
  }

  void read_array(std::string_view text, const std::string& where) {
    Json all = text::parse_json(text, where);
    for (size_t i = 0; i < all.size() && !full(); ++i) {
      std::string place = where + "[" + std::to_string(i) + "]";
      guarded(options_, place, rejected, [&] { add(std::move(all[i]), place); });
    }
  }

  void add(Json value, const std::string& place) {
    Row row = make_row(std::move(value), place, wanted_);
    if (!rows.empty() &&
        (rows[0].type != row.type || rows[0].conversational != row.conversational)) {
      throw Error({"rows of two types: " + kind(row.type, row.conversational) + " here, " +
                       kind(rows[0].type, rows[0].conversational) + " at " + rows[0].where,
                   place, "give each type its own file"});
    }
    rows.push_back(std::move(row));
  }

  const DatasetOptions& options_;
  std::span<const RowType> wanted_;
  int64_t max_rows_;
};

bool is_rows(const std::string& file) {
  return file.ends_with(".jsonl") || file.ends_with(".json") || file.ends_with(".txt");
}

/// The files of a split: `train.jsonl`, or `train-00000.jsonl` and so on, in the order of names.
std::vector<std::string> files_of(const std::string& folder, const std::string& split) {
  std::vector<std::string> out;
  for (const std::string& file : file::names_in(folder)) {
    if (!is_rows(file) || !file.starts_with(split) || file.size() == split.size()) continue;
    char next = file[split.size()];
    if (next == '.' || next == '-') out.push_back(folder + "/" + file);
  }
  return out;
}

void hold_out(Dataset& set, double size, uint64_t seed, const std::string& where) {
  auto total = std::ssize(set.train);
  auto count = static_cast<int64_t>(size < 1 ? std::ceil(size * double(total)) : size);
  if (count >= total) {
    throw Error({"test_split_size: wanted fewer rows than the " + std::to_string(total) +
                     " there are, got " + std::to_string(count),
                 where, ""});
  }
  random::Sequence draws(random::Stream(seed, random::Purpose::Data).part(1));
  std::vector<char> held(size_t(total), 0);
  auto order = draws.permutation(size_t(total));
  for (int64_t i = 0; i < count; ++i) held[order[size_t(i)]] = 1;
  std::vector<Row> train;
  for (size_t i = 0; i < held.size(); ++i) {
    (held[i] ? set.test : train).push_back(std::move(set.train[i]));
  }
  set.train = std::move(train);
}

void take(Dataset& set, Reader& train) {
  set.type = train.rows[0].type;
  set.conversational = train.rows[0].conversational;
  set.train = std::move(train.rows);
  set.rejected = std::move(train.rejected);
}

void want_rows(const Reader& reader, const std::string& where) {
  if (!reader.rows.empty()) return;
  std::string what = "no usable row";
  if (!reader.rejected.empty()) {
    what += "; the first of " + std::to_string(reader.rejected.size()) +
            " bad ones: " + reader.rejected[0].reason + " (" + reader.rejected[0].where + ")";
  }
  throw Error(
      {what, where, "one JSON object a line, e.g. {\"prompt\": \"…\", \"completion\": \"…\"}"});
}

}  // namespace

void describe(config::Fields<DatasetOptions>& f) {
  f.add("dataset_name", &DatasetOptions::dataset_name,
        "rows: a .jsonl, .json or .txt file, or a folder with one for each split");
  f.add("dataset_train_split", &DatasetOptions::dataset_train_split,
        "name of the file to train on, in a folder");
  f.add("dataset_test_split", &DatasetOptions::dataset_test_split,
        "name of the file to evaluate on, in a folder");
  f.add("test_split_size", &DatasetOptions::test_split_size,
        "rows to hold out when there is no test file: a share below 1, or a number")
      .at_least(0);
  f.add("on_bad_row", &DatasetOptions::on_bad_row, "what a row that cannot be used does")
      .choices({"fail", "skip"});
  f.add("sample_by", &DatasetOptions::sample_by, "what one row of a .txt file is")
      .choices({"line", "paragraph", "document"});
  f.add("max_rows", &DatasetOptions::max_rows, "read at most so many training rows; 0 = all")
      .at_least(0);
}

Dataset parse_dataset(std::string_view text, const std::string& where,
                      const DatasetOptions& options, std::span<const RowType> wanted) {
  Reader reader(options, wanted, options.max_rows);
  reader.read(text, where);
  want_rows(reader, where);
  Dataset set;
  take(set, reader);
  return set;
}

Dataset read_dataset(const DatasetOptions& options, std::span<const RowType> wanted,
                     uint64_t seed) {
  const std::string& path = options.dataset_name;
  if (path.empty()) {
    throw Error({"no dataset given", "", "name a .jsonl file with --dataset_name"});
  }
  if (!file::exists(path)) {
    throw Error({"dataset_name '" + path + "' is neither a file nor a folder", "",
                 "rows are read from the disk: give the path of a .jsonl or .json file"});
  }
  std::vector<std::string> train_files{path}, test_files;
  if (file::is_folder(path)) {
    train_files = files_of(path, options.dataset_train_split);
    test_files = files_of(path, options.dataset_test_split);
    if (train_files.empty()) {
      std::string found;
      for (const std::string& file : file::names_in(path))
        found += (found.empty() ? "" : ", ") + file;
      throw Error({"no file for the split '" + options.dataset_train_split +
                       "'; the folder holds " + (found.empty() ? "nothing" : found),
                   path, "it would be called " + options.dataset_train_split + ".jsonl"});
    }
  }
  Reader train(options, wanted, options.max_rows), test(options, wanted, 0);
  for (const std::string& file : train_files) {
    if (!train.full()) train.read(file::read_file(file), file);
  }
  want_rows(train, path);
  for (const std::string& file : test_files) test.read(file::read_file(file), file);
  Dataset set;
  take(set, train);
  if (!test.rows.empty() &&
      (test.rows[0].type != set.type || test.rows[0].conversational != set.conversational)) {
    throw Error({"rows of two types: " + kind(test.rows[0].type, test.rows[0].conversational) +
                     " here, " + kind(set.type, set.conversational) + " in the train split",
                 test.rows[0].where, "both splits need one type"});
  }
  set.test = std::move(test.rows);
  set.rejected.insert(set.rejected.end(), test.rejected.begin(), test.rejected.end());
  if (test_files.empty() && options.test_split_size > 0) {
    hold_out(set, options.test_split_size, seed, path);
  }
  return set;
}

std::vector<int64_t> epoch_order(int64_t rows, uint64_t seed, int64_t epoch) {
  ASSERT(rows >= 0 && epoch >= 0, "an epoch has a number and rows");
  random::Sequence draws(random::Stream(seed, random::Purpose::Data),
                         {.step = static_cast<uint32_t>(epoch)});
  auto order = draws.permutation(static_cast<size_t>(rows));
  return {order.begin(), order.end()};
}

}  // namespace temper::data
