#include "temper/learn/train/packing.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

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
