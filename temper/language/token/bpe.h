// Byte-pair encoding of one word: its bytes become symbols, and while two neighbours are a known
// merge, the merge of lowest rank (the leftmost of equals) joins them. Sennrich et al. 2016 (arXiv
// 1508.07909) over bytes as GPT-2 does; ties and unknown symbols as Hugging Face `tokenizers`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace temper::token {

using Id = int32_t;

/// GPT-2's alphabet: every byte as a printable code point (below 0x144), UTF-8 encoded.
const std::array<std::string, 256>& byte_symbols();
/// The bytes a token of that alphabet stands for; nothing when it holds any other code point.
std::optional<std::string> symbol_bytes(std::string_view token);

/// What one thread needs while it encodes: results of earlier words and working memory. Bounded: a
/// slot of the table is overwritten by the next word that falls on it.
class WordCache {
 public:
  static constexpr size_t kLongest = 31;  ///< bytes of a word that is kept
  static constexpr size_t kMost = 7;      ///< its ids
  WordCache();

 private:
  friend class Bpe;
  struct alignas(64) Slot {
    std::array<uint64_t, 4> key{};  // the word, padded with zeros; the last byte is its length
    std::array<Id, kMost> ids{};
    uint32_t count = 0;
  };
  struct Symbol {
    Id id;
    uint32_t rank;  // of the merge with the next symbol
    Id merged;
    int32_t previous, next;
  };
  std::vector<Slot> slots_;
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
  std::vector<Id> found_;
};

class Bpe {
 public:
  struct Merge {
    Id left, right, made;
  };
  struct Options {
    std::optional<Id> unknown;   ///< for bytes the vocabulary lacks; without it they vanish
    bool fuse_unknown = false;   ///< neighbouring unknown bytes give one id
    bool ignore_merges = false;  ///< a word that is a token is that token
  };
  /// `ids` gives the id of each token's text; merges in order of rank (a repeated one counts last).
  Bpe(const std::unordered_map<std::string_view, Id>& ids, const std::vector<Merge>& merges,
      const Options& options);

  /// Appends the ids of one word, given as raw bytes.
  void encode(std::string_view word, WordCache& cache, std::vector<Id>& out) const;

 private:
  struct Entry {
    uint64_t pair = UINT64_MAX;
    uint32_t rank = UINT32_MAX;
    Id made = -1;
  };
  const Entry& merge(Id left, Id right) const;
  void symbols_of(std::string_view word, WordCache& cache) const;
  void merge_few(std::vector<WordCache::Symbol>& symbols) const;
  void merge_many(WordCache& cache) const;
  void compute(std::string_view word, WordCache& cache, std::vector<Id>& out) const;

  std::array<Id, 256> byte_ids_;
  std::vector<Entry> table_;  // open addressing, a power of two, at most half full
  int shift_ = 0;
  std::unordered_map<std::string, Id> words_;  // by bytes; filled when merges are ignored
  Options options_;
};

}  // namespace temper::token
