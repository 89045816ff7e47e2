#include "temper/engine/sample/kv_blocks.h"

#include "temper/engine/kernel/attention.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {
namespace {

constexpr int32_t kNone = -1;  // before the first block of a sequence

std::vector<int32_t> tokens_of(std::span<const int32_t> tokens, int64_t block) {
  const auto part =
      tokens.subspan(static_cast<size_t>(block * kernel::kKvBlock), size_t{kernel::kKvBlock});
  return {part.begin(), part.end()};
}

}  // namespace

void KvBlocks::grow(int64_t count) {
  const int64_t before = size();
  if (count <= before) return;
  blocks_.resize(static_cast<size_t>(count));
  std::vector<int32_t> more;
  for (int64_t block = count; block-- > before;) more.push_back(static_cast<int32_t>(block));
  free_.insert(free_.begin(), more.begin(), more.end());
}

int64_t KvBlocks::available() const {
  return static_cast<int64_t>(free_.size() + idle_.size());
}

int32_t KvBlocks::take() {
  if (free_.empty()) {
    ASSERT(!idle_.empty(), "admission keeps enough blocks");
    unname(idle_.begin()->second);
  }
  const int32_t block = free_.back();
  free_.pop_back();
  at(block).holders = 1;
  return block;
}

void KvBlocks::hold(int32_t block) {
  if (at(block).holders++ == 0) idle_.erase({at(block).released, block});
}

void KvBlocks::release(int32_t block) {
  Block& b = at(block);
  ASSERT(b.holders > 0, "only what is held can be released");
  if (--b.holders > 0) return;
  if (b.named) {
    idle_.insert({b.released = ++clock_, block});
  } else {
    free_.push_back(block);
  }
}

void KvBlocks::release(std::span<const int32_t> blocks) {
  for (size_t i = blocks.size(); i-- > 0;) release(blocks[i]);  // the last are wanted least
}

/// The block and all that stand behind it are free.
void KvBlocks::unname(int32_t block) {
  Block& b = at(block);
  ASSERT(b.holders == 0, "whoever holds a block holds those before it");
  const int32_t before = b.name->first.first;
  if (before != kNone) std::erase(at(before).next, block);
  while (!b.next.empty()) unname(b.next.back());
  names_.erase(b.name);
  b.named = false;
  idle_.erase({b.released, block});
  free_.push_back(block);
}

std::vector<int32_t> KvBlocks::find(std::span<const int32_t> tokens, int64_t limit) {
  std::vector<int32_t> found;
  int32_t before = kNone;
  for (int64_t i = 0; i < limit; ++i) {
    const auto known = names_.find({before, tokens_of(tokens, i)});
    if (known == names_.end()) break;
    found.push_back(before = known->second);
    hold(before);
  }
  return found;
}

void KvBlocks::remember(std::span<const int32_t> tokens, int64_t count,
                        std::vector<int32_t>& blocks) {
  int32_t before = kNone;
  for (int64_t i = 0; i < count; ++i) {
    int32_t& block = blocks[static_cast<size_t>(i)];
    const auto [known, fresh] = names_.try_emplace({before, tokens_of(tokens, i)}, block);
    if (fresh) {
      at(block).named = true;
      at(block).name = known;
      if (before != kNone) at(before).next.push_back(block);
    } else if (known->second != block) {
      hold(known->second);
      release(block);
      block = known->second;
    }
    before = block;
  }
}

void KvBlocks::settle() {
  for (int32_t block = 0; block < static_cast<int32_t>(size()); ++block) {
    if (at(block).holders == 0) continue;
    at(block).holders = 1;
    release(block);
  }
}

void KvBlocks::forget() {
  while (!idle_.empty()) unname(idle_.begin()->second);
}

}  // namespace temper::sample
