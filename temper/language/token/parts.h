// What a tokenizer is made of, whichever file it came from: tokenizer.json, a folder or GGUF
// metadata.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "temper/foundation/text/json.h"
#include "temper/language/token/added.h"
#include "temper/language/token/bpe.h"
#include "temper/language/token/splitter.h"
#include "temper/language/token/tokenizer.h"

namespace temper::token {

/// Tokens by id, with holes; ids by token. Not copied: the keys point into the tokens.
class Vocabulary {
 public:
  /// Throws Error naming both tokens when the id is taken, and when it is negative or far beyond
  /// what `expected` tokens need.
  void add(std::string_view token, int64_t id, size_t expected, const std::string& where);
  std::optional<Id> id(std::string_view token) const;
  /// Null where no token has this id.
  const std::string* token(Id id) const;
  Id end() const { return static_cast<Id>(tokens_.size()); }
  size_t size() const { return ids_.size(); }
  const std::unordered_map<std::string_view, Id>& ids() const { return ids_; }

 private:
  std::vector<std::unique_ptr<const std::string>> tokens_;
  std::unordered_map<std::string_view, Id> ids_;
};

struct Parts {
  Vocabulary vocabulary;   ///< the model's tokens, then the added ones that it lacks
  size_t model_count = 0;  ///< how many the model has
  std::optional<Bpe> bpe;
  std::vector<AddedToken> added;  ///< in the order of the file
  bool nfc = false;
  std::vector<Step> steps;
  std::vector<Id> before, after;  ///< what add_special_tokens puts around a text
  Tokenizer::Specials specials;
  std::string json;                ///< tokenizer.json as it was read; empty from GGUF
  std::string config;              ///< tokenizer_config.json as it was read, or empty
  std::vector<Bpe::Merge> merges;  ///< from GGUF alone, as is the next
  std::string splitter_json;       ///< of the "pre_tokenizer"
  bool ignore_merges = false;
  std::string where;
};

/// Adds `token`; its id is the vocabulary's, or the next one. One of that text is replaced.
Id add_token(AddedToken token, Parts& parts);
/// The merge "left right"; throws Error when one of the three tokens is not in the vocabulary.
Bpe::Merge merge_of(std::string_view left, std::string_view right, size_t rank, const Parts& parts);

/// The splitting of one family of models, and what else follows from it.
struct Family {
  std::vector<Step> steps;
  std::string json;  ///< of the "pre_tokenizer"
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;  ///< where the file does not say
};
/// By GGUF's name for it (tokenizer.ggml.pre); throws Error naming those there are.
Family family_of(std::string_view pre, const std::string& where);

Parts parts_of_json(std::string_view tokenizer_json, const std::string& where);
Parts parts_of_folder(const std::string& folder);
Parts parts_of_gguf(const file::Gguf& gguf);
/// The text in quotes, escaped.
std::string json_string(const std::string& text);
/// The two files write_folder writes.
std::string json_text(const Parts& parts);
std::string config_text(const Parts& parts);
/// The second of them with another padding token.
std::string with_pad(const std::string& config_text, const std::string& token);

}  // namespace temper::token
