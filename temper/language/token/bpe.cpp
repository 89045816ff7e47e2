#include "temper/language/token/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "temper/foundation/error/error.h"
#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint64_t kOdd =
    0x9e3779b97f4a7c15;  // 2^64 / golden ratio: spreads keys by multiplication

uint64_t pair_of(Id left, Id right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

// Code points of the alphabet: printable Latin-1 stands for itself, the rest follow from 0x100.
std::array<uint32_t, 256> byte_points() {
  std::array<uint32_t, 256> points{};
  uint32_t next = 0x100;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    bool itself = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
    points[byte] = itself ? byte : next++;
  }
  return points;
}

}  // namespace

const std::array<std::string, 256>& byte_symbols() {
  static const auto symbols = [] {
    std::array<std::string, 256> all;
    auto points = byte_points();
    for (size_t byte = 0; byte < 256; ++byte) append_utf8(points[byte], all[byte]);
    return all;
  }();
  return symbols;
}

std::optional<std::string> symbol_bytes(std::string_view token) {
  static const auto bytes = [] {
    std::array<int, 0x144> all;
    all.fill(-1);
    auto points = byte_points();
    for (int byte = 0; byte < 256; ++byte) all[points[static_cast<size_t>(byte)]] = byte;
    return all;
  }();
  std::string out;
  for (size_t at = 0; at < token.size();) {
    Point point = point_at(token, at);
    if (point.value >= bytes.size() || bytes[point.value] < 0) return std::nullopt;
    out += static_cast<char>(bytes[point.value]);
    at += point.length;
  }
  return out;
}

WordCache::WordCache() : slots_(size_t{1} << 15) {}

Bpe::Bpe(const std::unordered_map<std::string_view, Id>& ids, const std::vector<Merge>& merges,
         const Options& options)
    : options_(options) {
  for (size_t byte = 0; byte < 256; ++byte) {
    auto found = ids.find(byte_symbols()[byte]);
    byte_ids_[byte] = found != ids.end() ? found->second : -1;
  }
  size_t size = std::bit_ceil(2 * merges.size() + 2);
  table_.resize(size);
  shift_ = 64 - std::countr_zero(size);
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& m = merges[rank];
    uint64_t pair = pair_of(m.left, m.right);
    size_t at = pair * kOdd >> shift_;
    while (table_[at].pair != pair && table_[at].pair != UINT64_MAX) at = (at + 1) & (size - 1);
    table_[at] = {pair, static_cast<uint32_t>(rank), m.made};
  }
  if (!options.ignore_merges) return;
  for (auto& [text, id] : ids)
    if (auto bytes = symbol_bytes(text)) words_.emplace(std::move(*bytes), id);
}

const Bpe::Entry& Bpe::merge(Id left, Id right) const {
  static const Entry none;
  uint64_t pair = pair_of(left, right);
  size_t at = pair * kOdd >> shift_;
  while (table_[at].pair != pair) {
    if (table_[at].pair == UINT64_MAX) return none;
    at = (at + 1) & (table_.size() - 1);
  }
  return table_[at];
}

void Bpe::symbols_of(std::string_view word, WordCache& cache) const {
  auto& symbols = cache.symbols_;
  symbols.clear();
  bool after_unknown = false;
  for (char byte : word) {
    Id id = byte_ids_[static_cast<uint8_t>(byte)];
    bool unknown = id < 0;
    if (unknown) {
      if (!options_.unknown || (after_unknown && options_.fuse_unknown)) continue;
      id = *options_.unknown;
    }
    after_unknown = unknown;
    symbols.push_back({id, kNone, -1, 0, 0});
  }
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    const Entry& entry = merge(symbols[i].id, symbols[i + 1].id);
    symbols[i].rank = entry.rank;
    symbols[i].merged = entry.made;
  }
}

// Quadratic, and the fastest for the few symbols of an ordinary word.
void Bpe::merge_few(std::vector<WordCache::Symbol>& symbols) const {
  while (true) {
    size_t best = 0;
    for (size_t i = 1; i < symbols.size(); ++i)
      if (symbols[i].rank < symbols[best].rank) best = i;
    if (symbols.empty() || symbols[best].rank == kNone) return;
    symbols[best].id = symbols[best].merged;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    for (size_t i = best == 0 ? 0 : best - 1; i <= best; ++i) {
      const Entry& entry =
          i + 1 < symbols.size() ? merge(symbols[i].id, symbols[i + 1].id) : Entry();
      symbols[i].rank = entry.rank;
      symbols[i].merged = entry.made;
    }
  }
}

// n log n for a word of any length: a heap of (rank, place) over a linked list. An entry is stale
// when its place was merged away (rank kNone) or has another rank by now.
void Bpe::merge_many(WordCache& cache) const {
  auto& symbols = cache.symbols_;
  auto& heap = cache.heap_;
  heap.clear();
  auto push = [&](int32_t at) {
    auto rank = symbols[static_cast<size_t>(at)].rank;
    if (rank == kNone) return;
    heap.push_back(static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(at));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (size_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = static_cast<int32_t>(i) - 1;
    symbols[i].next = i + 1 < symbols.size() ? static_cast<int32_t>(i) + 1 : -1;
    if (symbols[i].rank != kNone)
      heap.push_back(static_cast<uint64_t>(symbols[i].rank) << 32 | static_cast<uint32_t>(i));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  auto refresh = [&](int32_t at) {
    auto& symbol = symbols[static_cast<size_t>(at)];
    const Entry& entry =
        symbol.next >= 0 ? merge(symbol.id, symbols[static_cast<size_t>(symbol.next)].id) : Entry();
    symbol.rank = entry.rank;
    symbol.merged = entry.made;
    push(at);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    uint64_t top = heap.back();
    heap.pop_back();
    auto at = static_cast<int32_t>(static_cast<uint32_t>(top));
    auto& symbol = symbols[static_cast<size_t>(at)];
    if (symbol.rank != top >> 32) continue;
    auto& eaten = symbols[static_cast<size_t>(symbol.next)];
    symbol.id = symbol.merged;
    symbol.next = eaten.next;
    eaten.rank = kNone;
    eaten.id = -1;
    if (symbol.next >= 0) symbols[static_cast<size_t>(symbol.next)].previous = at;
    if (symbol.previous >= 0) refresh(symbol.previous);
    refresh(at);
  }
  std::erase_if(symbols, [](const WordCache::Symbol& symbol) { return symbol.id < 0; });
}

void Bpe::compute(std::string_view word, WordCache& cache, std::vector<Id>& out) const {
  if (options_.ignore_merges) {
    auto found = words_.find(std::string(word));
    if (found != words_.end()) {
      out.push_back(found->second);
      return;
    }
  }
  if (word.size() > INT32_MAX) {
    throw Error({"a text of " + std::to_string(word.size()) + " bytes without a place to split it",
                 "", "give it in parts below 2 GiB"});
  }
  constexpr size_t kFew = 64;
  symbols_of(word, cache);
  cache.symbols_.size() <= kFew ? merge_few(cache.symbols_) : merge_many(cache);
  for (auto& symbol : cache.symbols_) out.push_back(symbol.id);
}

void Bpe::encode(std::string_view word, WordCache& cache, std::vector<Id>& out) const {
  if (word.size() > WordCache::kLongest) return compute(word, cache, out);
  std::array<uint64_t, 4> key{};
  std::memcpy(key.data(), word.data(), word.size());
  key[3] |= static_cast<uint64_t>(word.size()) << 56;
  uint64_t mixed = 0;
  for (uint64_t part : key) mixed = std::rotl((mixed ^ part) * kOdd, 29);
  auto& slot = cache.slots_[mixed * kOdd >> 49];
  if (slot.key != key) {
    cache.found_.clear();
    compute(word, cache, cache.found_);
    if (cache.found_.size() > WordCache::kMost) {
      out.insert(out.end(), cache.found_.begin(), cache.found_.end());
      return;
    }
    slot.key = key;
    slot.count = static_cast<uint32_t>(cache.found_.size());
    std::copy(cache.found_.begin(), cache.found_.end(), slot.ids.begin());
  }
  for (uint32_t i = 0; i < slot.count; ++i) out.push_back(slot.ids[i]);
}

}  // namespace temper::token
