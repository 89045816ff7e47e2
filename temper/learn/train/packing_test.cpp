#include "temper/learn/train/packing.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "temper/foundation/file/file.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

TEST(BestFitDecreasing, PutsEachRowWhereTheLeastRoomIsLeft) {
  const std::vector<int64_t> lengths = {3, 6, 2, 7, 4, 8};
  const std::vector<std::vector<size_t>> wanted = {{5, 2}, {3, 0}, {1, 4}};
  EXPECT_EQ(best_fit_decreasing(lengths, 10), wanted);
  EXPECT_EQ(best_fit_decreasing(lengths, 5).size(), 5U);  // 8, 7 and 6 alone; 4; 3 and 2
  EXPECT_TRUE(best_fit_decreasing({}, 10).empty());
}

TEST(BestFitDecreasing, EveryRowIsInOneBinAndBinsAreWellFilled) {
  random::Sequence draws(random::Stream(7, random::Purpose::Data));
  std::vector<int64_t> lengths(500);
  for (int64_t& length : lengths) length = 1 + static_cast<int64_t>(draws.below(300));
  const auto bins = best_fit_decreasing(lengths, 512);
  std::set<size_t> seen;
  for (const std::vector<size_t>& bin : bins) {
    int64_t used = 0;
    for (size_t row : bin) {
      EXPECT_TRUE(seen.insert(row).second);
      used += lengths[row];
    }
    EXPECT_LE(used, 512);
  }
  EXPECT_EQ(seen.size(), lengths.size());
  const int64_t all = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  EXPECT_LE(std::ssize(bins), (all + 511) / 512 * 11 / 9 + 1);  // the bound of Johnson 1973
}

chat::TokenRow row_of(const std::vector<token::Id>& ids) {
  chat::TokenRow row;
  row.ids = ids;
  row.trained.assign(ids.size(), 1);
  row.trained[0] = 0;
  return row;
}

TEST(Wrapped, CutsTheWholeTextIntoEqualPieces) {
  const std::vector<chat::TokenRow> rows = {row_of({1, 2, 3}), row_of({4, 5, 6, 7}), row_of({8})};
  const std::vector<chat::TokenRow> pieces = wrapped(rows, 3);
  ASSERT_EQ(pieces.size(), 2U);  // 7 and 8 have no trained token: 8 begins its row
  EXPECT_EQ(pieces[0].ids, (std::vector<token::Id>{1, 2, 3}));
  EXPECT_EQ(pieces[1].ids, (std::vector<token::Id>{4, 5, 6}));
  EXPECT_EQ(pieces[1].trained, (std::vector<uint8_t>{0, 1, 1}));
}

class Packing : public Training {};

TEST_F(Packing, PacksRowsIntoFewerAndLearnsTheSameTokens) {
  SftOptions o = sft_options("plain");
  o.common.max_steps = -1;
  o.common.num_train_epochs = 1;
  run_sft(o);
  o.common.output_dir = (root_ / "packed").string();
  o.packing = true;
  o.render.max_length = 256;
  run_sft(o);
  EXPECT_EQ(last("plain", "num_tokens"), last("packed", "num_tokens"));
  EXPECT_LT(metrics("packed").size(), metrics("plain").size());
}

TEST_F(Packing, PlainTextIsReadFromAFileAndWrapped) {
  std::ofstream(root_ / "text.txt") << "the first line\n\nthe second one\nand so on and on\n";
  SftOptions o = sft_options("text");
  o.data.dataset_name = (root_ / "text.txt").string();
  o.data.sample_by = "document";
  o.data.test_split_size = 0;
  o.packing = true;
  o.packing_strategy = "wrapped";
  o.render.max_length = 16;
  o.common.eval_steps = 0;
  o.common.max_steps = 2;
  const Result result = run_sft(o);
  EXPECT_EQ(result.state.step, 2);
  EXPECT_GE((*result.summary)["rows"]["train"].get<int64_t>(), 3);  // 48 bytes and an end token
  o.common.output_dir = (root_ / "none").string();
  o.render.max_length = 0;
  EXPECT_NE(message([&] { run_sft(o); }).find("max_length"), std::string::npos);
}

}  // namespace
}  // namespace temper::train
