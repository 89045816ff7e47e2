#include "temper/learn/batch/pack.h"

#include <gtest/gtest.h>

#include <numeric>

namespace temper::batch {
namespace {

std::vector<int32_t> counted(int64_t n, int32_t from) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

Answer answer(int64_t n, int32_t from, int64_t id = 0) {
  return {counted(n, from), std::vector<uint8_t>(static_cast<size_t>(n), 1), id};
}

TEST(Pack, APlainRowPredictsEveryTokenButItsFirst) {
  Group row{.prompt = {}, .answers = {answer(5, 10)}};
  Packed packed = pack_all({&row, 1});
  EXPECT_EQ(packed.rows.tokens, counted(4, 10));
  EXPECT_EQ(packed.targets, counted(4, 11));
  EXPECT_EQ(packed.rows.outputs, (std::vector<int32_t>{0, 1, 2, 3}));
}

TEST(Pack, AnswersShareTheirPromptAndPartInACopiedBlock) {
  Group group{.prompt = counted(70, 0), .answers = {answer(3, 100, 7), answer(1, 200, 8)}};
  Packed packed = pack_all({&group, 1});
  EXPECT_EQ(packed.rows.rows(),
            72);  // 70 of the prompt, two of the first answer, none of the second
  ASSERT_EQ(packed.rows.sequences.size(), 2u);
  EXPECT_TRUE(packed.rows.sequences[0].trunk);
  EXPECT_EQ(packed.rows.sequences[1].blocks[0], packed.rows.sequences[0].blocks[0]);
  ASSERT_EQ(packed.rows.copies.size(), 1u);
  EXPECT_EQ(packed.rows.copies[0].positions, 6);
  EXPECT_EQ(packed.rows.sequences[1].blocks[1], packed.rows.copies[0].to);
  EXPECT_EQ(packed.targets, (std::vector<int32_t>{100, 101, 102, 200}));
  EXPECT_EQ(packed.rows.outputs, (std::vector<int32_t>{69, 70, 71, 69}));
  EXPECT_EQ(packed.answers, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(packed.answer, (std::vector<int32_t>{0, 0, 0, 1}));
}

TEST(Pack, APromptThatFillsItsBlocksNeedsNoCopy) {
  Group group{.prompt = counted(64, 0), .answers = {answer(3, 100), answer(3, 200)}};
  Packed packed = pack_all({&group, 1});
  EXPECT_TRUE(packed.rows.copies.empty());
  EXPECT_EQ(packed.rows.blocks, 3);
}

TEST(Pack, UntrainedTokensAreReadButNotPredicted) {
  Group row{.prompt = {1, 2}, .answers = {{{3, 4, 5}, {1, 0, 1}, 0}}};
  Packed packed = pack_all({&row, 1});
  EXPECT_EQ(packed.targets, (std::vector<int32_t>{3, 5}));
  EXPECT_EQ(packed.rows.outputs, (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(packed.place, (std::vector<int32_t>{0, 2}));
}

TEST(Pack, MicroBatchesKeepToTheBudgetAndTheOrder) {
  std::vector<Group> groups;
  for (int i = 0; i < 5; ++i) groups.push_back({.prompt = {}, .answers = {answer(11, 100 * i, i)}});
  std::vector<Packed> batches = pack(groups, 25);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].answers, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(batches[2].answers, (std::vector<int64_t>{4}));
}

TEST(Pack, AMicroBatchIsFilledWithWhatFitsBest) {
  const std::vector<Group> groups = {{.prompt = {}, .answers = {answer(16, 0, 0)}},
                                     {.prompt = {}, .answers = {answer(16, 100, 1)}},
                                     {.prompt = {}, .answers = {answer(11, 200, 2)}},
                                     {.prompt = {}, .answers = {answer(11, 300, 3)}}};
  const std::vector<Packed> batches = pack(groups, 25);
  ASSERT_EQ(batches.size(), 2u);  // in order they would be three
  EXPECT_EQ(batches[0].answers, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(batches[1].answers, (std::vector<int64_t>{1, 3}));
}

TEST(Pack, ItemsGoInRunsWithinTheBudget) {
  const std::vector<int64_t> costs = {3, 4, 9, 1, 2, 3};
  EXPECT_EQ(runs(costs, 7), (std::vector<size_t>{2, 1, 3}));
  EXPECT_EQ(runs(costs, 100), (std::vector<size_t>{6}));
  EXPECT_EQ(runs({}, 7), std::vector<size_t>());
}

TEST(Pack, ALargeGroupIsCutBetweenAnswersWithItsPromptRepeated) {
  Group group{.prompt = counted(10, 0),
              .answers = {answer(6, 100, 0), answer(6, 200, 1), answer(6, 300, 2)}};
  std::vector<Packed> batches = pack({&group, 1}, 20);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].answers.size(), 2u);
  EXPECT_EQ(batches[1].rows.rows(), 15);
}

}  // namespace
}  // namespace temper::batch
