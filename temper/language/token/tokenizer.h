// Byte-level BPE tokenizers, read from Hugging Face folders (tokenizer.json) and from GGUF
// metadata:
//
//   text -> added tokens taken out -> NFC -> words -> bytes merged to tokens -> ids (-> BOS and
//   EOS)
//
// Ids equal those of Hugging Face `tokenizers` 0.23 on every text that is UTF-8. Other bytes are
// kept: each is a symbol of its own, and decode gives it back to bytes().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::file {
class Gguf;
}

namespace temper::token {

using Id = int32_t;

/// Immutable; every method may be called from many threads at once. Copies are cheap.
class Tokenizer {
 public:
  /// Of tokenizer.json's text; `where` names it in errors. Throws Error for broken JSON, a model
  /// that is not byte-level BPE, no merges, a merge of unknown tokens, ids that collide, and any
  /// normaliser, splitter, post-processor or decoder that is not supported (by its name).
  /// Truncation and padding are not read: transformers sets them anew on every call.
  static Tokenizer from_json(std::string_view tokenizer_json, const std::string& where);
  /// Of tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja (or
  /// chat_template.json); all but the first may be absent.
  static Tokenizer from_folder(const std::string& folder);
  /// Of tokenizer.ggml.* and tokenizer.chat_template.
  static Tokenizer from_gguf(const file::Gguf& gguf);

  /// Added and special tokens inside the text are recognised. With `add_special_tokens` the
  /// post-processor's tokens (BOS, EOS) go around it.
  std::vector<Id> encode(std::string_view text, bool add_special_tokens = false) const;
  /// Bytes of all tokens joined; parts that are not UTF-8 become U+FFFD. Ids that no token has are
  /// left out, as `tokenizers` does. `skip_special` leaves special tokens out.
  std::string decode(std::span<const Id> ids, bool skip_special = false) const;

  int vocabulary_size() const;  ///< largest id + 1
  std::optional<Id> id(std::string_view token) const;
  /// As written in the vocabulary; empty where an id below vocabulary_size() has no token. Throws
  /// Error when out of range.
  std::string_view token(Id id) const;
  /// What it decodes to, raw bytes (may be part of a code point). Throws Error when out of range.
  std::string bytes(Id id) const;
  bool is_special(Id id) const;

  struct Specials {
    std::optional<Id> bos, eos, pad, unk;
    std::string chat_template;  ///< empty if none
    bool add_bos = false;       ///< encode(…, true) starts with BOS
    bool add_eos = false;       ///< and ends with EOS
  };
  const Specials& specials() const;
  std::string bos_text() const;  ///< empty if none
  std::string eos_text() const;
  std::string pad_text() const;

  /// Writes tokenizer.json and tokenizer_config.json (chat template inside), which transformers'
  /// AutoTokenizer loads with equal ids. The folder must be there. `pad`: the padding token that
  /// the files name, where it is not the tokenizer's own.
  void write_folder(const std::string& folder, std::optional<Id> pad = {}) const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  // Shared because model, chat and data hold the same large immutable tables, in no fixed order.
  std::shared_ptr<const Impl> impl_;
};

/// Text of a stream of ids as far as it is complete: the pieces joined equal decode() of all ids.
/// The tokenizer must outlive it.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}
  /// Text that this id completes; a code point that may still grow is held back.
  std::string push(Id id);
  /// What was held back, as U+FFFD; then the decoder is as new.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string held_;
};

}  // namespace temper::token
