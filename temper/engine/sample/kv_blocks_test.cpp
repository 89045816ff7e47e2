#include "temper/engine/sample/kv_blocks.h"

#include <gtest/gtest.h>

#include "temper/engine/kernel/attention.h"

namespace temper::sample {
namespace {

using Blocks = std::vector<int32_t>;

/// Tokens of whole blocks, each of one letter.
std::vector<int32_t> tokens(std::string_view letters) {
  std::vector<int32_t> all;
  for (char letter : letters) all.insert(all.end(), kernel::kKvBlock, letter);
  return all;
}

/// Takes what is not known of these tokens, and remembers all.
Blocks written(KvBlocks& blocks, std::string_view letters) {
  const auto count = static_cast<int64_t>(letters.size());
  Blocks held = blocks.find(tokens(letters), count);
  while (std::ssize(held) < count) held.push_back(blocks.take());
  blocks.remember(tokens(letters), count, held);
  return held;
}

TEST(KvBlocks, WhatWasRememberedIsFoundAsFarAsItAgrees) {
  KvBlocks blocks;
  blocks.grow(8);
  const Blocks first = written(blocks, "abc");
  EXPECT_EQ(blocks.available(), 5);
  blocks.release(first);
  EXPECT_EQ(blocks.available(), 8);  // what is known may be taken when nothing is free
  EXPECT_EQ(blocks.find(tokens("abx"), 3), (Blocks{first[0], first[1]}));
  EXPECT_EQ(blocks.available(), 6);
  EXPECT_EQ(blocks.find(tokens("abc"), 2), (Blocks{first[0], first[1]}));
  EXPECT_EQ(blocks.find(tokens("bc"), 2), Blocks{});  // a block is known by all before it
}

TEST(KvBlocks, OfTwoWithOneContentTheOlderStays) {
  KvBlocks blocks;
  blocks.grow(6);
  const Blocks first = written(blocks, "ab");
  Blocks second = {blocks.take(), blocks.take(), blocks.take()};
  blocks.remember(tokens("abd"), 3, second);
  EXPECT_EQ((Blocks{second[0], second[1]}), first);
  EXPECT_EQ(blocks.available(), 3);
  blocks.release(first);
  EXPECT_EQ(blocks.available(), 3);  // the second still holds them
  blocks.release(second);
  EXPECT_EQ(blocks.available(), 6);
  EXPECT_EQ(blocks.find(tokens("abd"), 3), second);
}

TEST(KvBlocks, TheLongestUnusedGoesFirstAndItsEndBeforeItsBeginning) {
  KvBlocks blocks;
  blocks.grow(4);
  const Blocks old = written(blocks, "ab"), young = written(blocks, "cd");
  blocks.release(old);
  blocks.release(young);
  EXPECT_EQ(blocks.take(), old[1]);
  EXPECT_EQ(blocks.find(tokens("ab"), 2), Blocks{old[0]});
  EXPECT_EQ(blocks.take(), young[1]);  // the first one is held now
  EXPECT_EQ(blocks.take(), young[0]);
  EXPECT_EQ(blocks.available(), 0);
}

TEST(KvBlocks, NothingIsKnownOfOtherWeights) {
  KvBlocks blocks;
  blocks.grow(3);
  written(blocks, "ab");
  blocks.take();
  blocks.settle();
  EXPECT_EQ(blocks.available(), 3);
  EXPECT_EQ(blocks.find(tokens("ab"), 2).size(), 2u);
  blocks.settle();
  blocks.forget();
  EXPECT_EQ(blocks.available(), 3);
  EXPECT_TRUE(blocks.find(tokens("ab"), 2).empty());
  blocks.grow(5);
  EXPECT_EQ(blocks.available(), 5);
}

}  // namespace
}  // namespace temper::sample
