// Which blocks of a key-value cache are free, who holds the others, and what they contain: a prompt
// that begins as an earlier one did, in the same call or a later one, finds the blocks it left.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace temper::sample {

/// Bookkeeping alone, by number; the keys and values lie in kernel::KvPool. A block that nobody
/// holds but whose content is known stays until its room is wanted, the longest unused first.
/// Whoever holds a block holds all those before it in its sequence.
class KvBlocks {
 public:
  /// Adds free blocks until there are `count`.
  void grow(int64_t count);
  int64_t size() const { return static_cast<int64_t>(blocks_.size()); }
  /// Blocks that take() can give: those that are free, and those that nobody holds.
  int64_t available() const;

  /// A block to write, held once. Its content is whatever was there.
  int32_t take();
  void hold(int32_t block);
  void release(std::span<const int32_t> blocks);

  /// The longest run of known blocks that `tokens` begin with, at most `limit`; each is held.
  std::vector<int32_t> find(std::span<const int32_t> tokens, int64_t limit);
  /// The first `count` of `blocks` are full and hold the keys and values of `tokens`: from here on
  /// find() knows them. Of two with one content the older stays, and replaces the other in
  /// `blocks`.
  void remember(std::span<const int32_t> tokens, int64_t count, std::vector<int32_t>& blocks);

  /// Nobody holds anything any more.
  void settle();
  /// The contents are no longer those of the model. Nothing may be held.
  void forget();

 private:
  using Name = std::pair<int32_t, std::vector<int32_t>>;  // the block before it, and its tokens
  struct Block {
    int32_t holders = 0;
    int64_t released = 0;  // when
    bool named = false;
    std::map<Name, int32_t>::iterator name = {};
    std::vector<int32_t> next = {};  // known blocks that stand behind it
  };
  Block& at(int32_t block) { return blocks_[static_cast<size_t>(block)]; }
  void release(int32_t block);
  void unname(int32_t block);

  std::vector<Block> blocks_;
  std::vector<int32_t> free_;
  std::set<std::pair<int64_t, int32_t>> idle_;  // known, held by nobody: by time of release
  std::map<Name, int32_t> names_;
  int64_t clock_ = 0;
};

}  // namespace temper::sample
