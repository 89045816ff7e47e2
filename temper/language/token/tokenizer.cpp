#include "temper/language/token/tokenizer.h"

#include <mutex>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/language/token/parts.h"
#include "temper/language/token/unicode.h"

namespace temper::token {

struct Tokenizer::Impl {
  explicit Impl(Parts given) : parts(std::move(given)) {
    special.resize(static_cast<size_t>(parts.vocabulary.end()));
    // Special tokens first, each kind in the order of the file: among equal patterns the first
    // counts.
    for (bool wanted : {true, false}) {
      for (const AddedToken& token : parts.added) {
        if (token.special != wanted) continue;
        special[static_cast<size_t>(token.id)] = wanted;
        if (!token.normalized) {
          plain.add(token.content, token);
        } else {
          normalized.add(parts.nfc ? nfc(token.content) : token.content, token);
        }
      }
    }
    bytes.resize(special.size());
    for (Id id = 0; id < parts.vocabulary.end(); ++id) {
      const std::string* token = parts.vocabulary.token(id);
      if (token == nullptr) continue;
      auto raw = symbol_bytes(*token);
      bytes[static_cast<size_t>(id)] = raw ? std::move(*raw) : *token;
    }
    // A token that is looked for in normalised text decodes to its normalised form.
    for (const AddedToken& token : parts.added) {
      if (!parts.nfc || !token.normalized) continue;
      std::string text = nfc(token.content);
      bytes[static_cast<size_t>(token.id)] = symbol_bytes(text).value_or(text);
    }
  }

  bool holds(Id id) const { return parts.vocabulary.token(id) != nullptr; }

  Parts parts;
  AddedMatcher plain, normalized;
  std::vector<bool> special;       // by id
  std::vector<std::string> bytes;  // by id

  // Caches that no encode() uses at the moment; as many as threads ever encoded at once.
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<WordCache>> caches;

  std::unique_ptr<WordCache> take() const {
    std::lock_guard lock(mutex);
    if (caches.empty()) return std::make_unique<WordCache>();
    auto cache = std::move(caches.back());
    caches.pop_back();
    return cache;
  }
  void give_back(std::unique_ptr<WordCache> cache) const {
    std::lock_guard lock(mutex);
    caches.push_back(std::move(cache));
  }
};

namespace {

// One encode() under way.
struct Work {
  const Parts& parts;
  const Bpe& bpe;
  WordCache& cache;
  std::vector<Id>& ids;

  void words(std::string_view text) {
    split(parts.steps, text,
          {[](void* self, std::string_view word) {
             auto& work = *static_cast<Work*>(self);
             work.bpe.encode(word, work.cache, work.ids);
           },
           this});
  }
  void found(const AddedMatcher& matcher, std::string_view text) {
    if (matcher.empty()) return words(text);
    for (const Part& part : matcher.parts(text)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        words(text.substr(part.begin, part.end - part.begin));
      }
    }
  }
};

}  // namespace

Tokenizer Tokenizer::from_json(std::string_view tokenizer_json, const std::string& where) {
  return Tokenizer(std::make_shared<const Impl>(parts_of_json(tokenizer_json, where)));
}

Tokenizer Tokenizer::from_folder(const std::string& folder) {
  return Tokenizer(std::make_shared<const Impl>(parts_of_folder(folder)));
}

Tokenizer Tokenizer::from_gguf(const file::Gguf& gguf) {
  return Tokenizer(std::make_shared<const Impl>(parts_of_gguf(gguf)));
}

std::vector<Id> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  const Parts& parts = impl_->parts;
  std::vector<Id> ids;
  if (add_special_tokens) ids = parts.before;
  auto cache = impl_->take();
  Work work{parts, *parts.bpe, *cache, ids};
  for (const Part& part : impl_->plain.parts(text)) {
    std::string_view piece = text.substr(part.begin, part.end - part.begin);
    if (part.id) {
      ids.push_back(*part.id);
    } else if (!parts.nfc || surely_nfc(piece)) {
      work.found(impl_->normalized, piece);
    } else {
      work.found(impl_->normalized, nfc(piece));
    }
  }
  impl_->give_back(std::move(cache));
  if (add_special_tokens) ids.insert(ids.end(), parts.after.begin(), parts.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const Id> ids, bool skip_special) const {
  std::string raw;
  for (Id id : ids)
    if (impl_->holds(id) && !(skip_special && is_special(id)))
      raw += impl_->bytes[static_cast<size_t>(id)];
  return repaired(raw);
}

int Tokenizer::vocabulary_size() const {
  return impl_->parts.vocabulary.end();
}

std::optional<Id> Tokenizer::id(std::string_view token) const {
  return impl_->parts.vocabulary.id(token);
}

std::string_view Tokenizer::token(Id id) const {
  if (id < 0 || id >= vocabulary_size()) {
    throw Error({"token id " + std::to_string(id) + " is outside of the vocabulary, 0 … " +
                     std::to_string(vocabulary_size() - 1),
                 impl_->parts.where, "use ids that this tokenizer gave"});
  }
  const std::string* token = impl_->parts.vocabulary.token(id);
  return token != nullptr ? std::string_view(*token) : std::string_view();
}

std::string Tokenizer::bytes(Id id) const {
  token(id);  // throws when out of range
  return impl_->bytes[static_cast<size_t>(id)];
}

bool Tokenizer::is_special(Id id) const {
  return id >= 0 && id < vocabulary_size() && impl_->special[static_cast<size_t>(id)];
}

const Tokenizer::Specials& Tokenizer::specials() const {
  return impl_->parts.specials;
}

std::string Tokenizer::bos_text() const {
  return specials().bos ? std::string(token(*specials().bos)) : "";
}
std::string Tokenizer::eos_text() const {
  return specials().eos ? std::string(token(*specials().eos)) : "";
}
std::string Tokenizer::pad_text() const {
  return specials().pad ? std::string(token(*specials().pad)) : "";
}

void Tokenizer::write_folder(const std::string& folder, std::optional<Id> pad) const {
  const Parts& parts = impl_->parts;
  std::string config = config_text(parts);
  if (pad && pad != specials().pad) config = with_pad(config, std::string(token(*pad)));
  file::write_atomically(folder + "/tokenizer.json", json_text(parts));
  file::write_atomically(folder + "/tokenizer_config.json", config);
}

std::string StreamDecoder::push(Id id) {
  if (id < 0 || id >= tokenizer_->vocabulary_size()) return "";
  if (skip_special_ && tokenizer_->is_special(id)) return "";
  held_ += tokenizer_->bytes(id);
  size_t tail = incomplete_tail(held_);
  std::string out = repaired(std::string_view(held_).substr(0, held_.size() - tail));
  held_.erase(0, held_.size() - tail);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = repaired(held_);
  held_.clear();
  return out;
}

}  // namespace temper::token
