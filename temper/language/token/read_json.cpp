// tokenizer.json: the format of Hugging Face `tokenizers`, as far as byte-level BPE needs it.
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/language/token/parts.h"

namespace temper::token {
namespace {

// Not temper::Json: looking up a key there is linear, which a vocabulary cannot bear.
using Sorted = nlohmann::json;

// `value[key]`, or null.
const Sorted& at(const Sorted& value, const char* key) {
  static const Sorted null;
  auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() ? *found : null;
}

bool flag(const Sorted& value, const char* key, bool otherwise) {
  const Sorted& found = at(value, key);
  return found.is_null() ? otherwise : found.get<bool>();
}

std::string type_of(const Sorted& value) {
  const Sorted& type = at(value, "type");
  return type.is_string() ? type.get<std::string>() : "(without a type)";
}

struct Reader {
  Parts& parts;

  [[noreturn]] void refuse(const std::string& what, const std::string& got,
                           const std::string& known) {
    throw Error({what + " '" + got + "' is not supported; those that are: " + known, parts.where,
                 "use a model with a byte-level BPE tokenizer (GPT-2, Llama 3, Qwen, SmolLM, …)"});
  }

  void model(const Sorted& model) {
    if (model.is_null())
      throw Error({"the file holds no model", parts.where, "is it tokenizer.json?"});
    std::string type = at(model, "type").is_null() ? "BPE" : type_of(model);
    if (type != "BPE") refuse("the tokenizer model", type, "BPE");
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
      const Sorted& value = at(model, key);
      if (!value.is_null() && value != "" && value != 0)
        refuse("the BPE option", std::string(key) + " = " + value.dump(), "none of that name");
    }
    if (flag(model, "byte_fallback", false))
      refuse("the BPE option", "byte_fallback", "none of that name");
    vocabulary(at(model, "vocab"));
    std::vector<Bpe::Merge> merges = merges_of(at(model, "merges"));
    Bpe::Options options;
    if (const Sorted& unknown = at(model, "unk_token"); unknown.is_string()) {
      options.unknown = parts.vocabulary.id(unknown.get_ref<const std::string&>());
      if (!options.unknown)
        throw Error(
            {"the unknown token " + unknown.dump() + " is not in the vocabulary", parts.where, ""});
    }
    options.fuse_unknown = flag(model, "fuse_unk", false);
    options.ignore_merges = flag(model, "ignore_merges", false);
    parts.bpe.emplace(parts.vocabulary.ids(), merges, options);
  }

  void vocabulary(const Sorted& tokens) {
    if (!tokens.is_object()) {
      throw Error({std::string("the vocabulary is not an object of token and id but ") +
                       (tokens.is_null() ? "absent" : tokens.type_name()),
                   parts.where, ""});
    }
    for (auto& [token, id] : tokens.items()) {
      if (!id.is_number_integer())
        throw Error({"the id of token '" + token + "' is " + id.dump() + ", not a whole number",
                     parts.where, ""});
      parts.vocabulary.add(token, id.get<int64_t>(), tokens.size(), parts.where);
    }
    parts.model_count = parts.vocabulary.size();
  }

  std::vector<Bpe::Merge> merges_of(const Sorted& list) {
    if (!list.is_array() || list.empty()) {
      throw Error(
          {"the tokenizer has no merges", parts.where,
           "export it again with `tokenizers`, or copy tokenizer.json from the base model"});
    }
    std::vector<Bpe::Merge> merges;
    merges.reserve(list.size());
    for (const Sorted& merge : list) {
      size_t rank = merges.size();
      if (merge.is_string()) {
        const auto& text = merge.get_ref<const std::string&>();
        size_t space = text.find(' ');
        if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
          merges.push_back(merge_of(std::string_view(text).substr(0, space),
                                    std::string_view(text).substr(space + 1), rank, parts));
          continue;
        }
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        merges.push_back(merge_of(merge[0].get_ref<const std::string&>(),
                                  merge[1].get_ref<const std::string&>(), rank, parts));
        continue;
      }
      throw Error({"merge " + std::to_string(rank) + " is " + merge.dump() + ", not two tokens",
                   parts.where, ""});
    }
    return merges;
  }

  void added(const Sorted& list) {
    for (const Sorted& entry : list) {
      const Sorted& content = at(entry, "content");
      if (!content.is_string() || content == "") {
        throw Error({"an added token without content: " + entry.dump(), parts.where, ""});
      }
      AddedToken token{.content = content.get<std::string>(),
                       .single_word = flag(entry, "single_word", false),
                       .lstrip = flag(entry, "lstrip", false),
                       .rstrip = flag(entry, "rstrip", false),
                       .normalized = flag(entry, "normalized", true),
                       .special = flag(entry, "special", false)};
      Id id = add_token(std::move(token), parts);
      if (const Sorted& written = at(entry, "id"); written != id) {
        throw Error(
            {"added token " + content.dump() + " has id " + written.dump() + ", but its place is " +
                 std::to_string(id),
             parts.where,
             "ids of added tokens follow the model's without gaps; a token of both has one id"});
      }
    }
  }

  void normalizer(const Sorted& normalizer) {
    if (normalizer.is_null()) return;
    std::string type = type_of(normalizer);
    if (type == "Sequence") {
      for (const Sorted& each : at(normalizer, "normalizers")) this->normalizer(each);
    } else if (type == "NFC") {
      parts.nfc = true;
    } else {
      refuse("the normalizer", type, "NFC, Sequence");
    }
  }

  static Behaviour behaviour(const std::string& name, const std::string& where) {
    if (name == "Removed") return Behaviour::Removed;
    if (name == "Isolated") return Behaviour::Isolated;
    if (name == "MergedWithPrevious") return Behaviour::MergedWithPrevious;
    if (name == "MergedWithNext") return Behaviour::MergedWithNext;
    if (name == "Contiguous") return Behaviour::Contiguous;
    throw Error({"Split has the behavior '" + name + "'", where, ""});
  }

  // Returns whether it was ByteLevel, which has to come last.
  bool splitter(const Sorted& splitter) {
    std::string type = type_of(splitter);
    if (type == "Sequence") {
      bool last = false;
      for (const Sorted& each : at(splitter, "pretokenizers")) {
        if (last) refuse("behind ByteLevel the pre-tokenizer", type_of(each), "none");
        last = this->splitter(each);
      }
      return last;
    }
    if (type == "ByteLevel") {
      if (flag(splitter, "add_prefix_space", true))
        parts.steps.push_back({.kind = Step::Kind::Prefix});
      if (flag(splitter, "use_regex", true)) parts.steps.push_back({.kind = Step::Kind::Gpt2});
      return true;
    }
    if (type == "Digits") {
      parts.steps.push_back(
          {.kind = Step::Kind::Digits, .individual = flag(splitter, "individual_digits", false)});
    } else if (type == "Split") {
      const Sorted& pattern = at(splitter, "pattern");
      const Sorted &regex = at(pattern, "Regex"), &literal = at(pattern, "String");
      Behaviour how = behaviour(at(splitter, "behavior").get<std::string>(), parts.where);
      bool invert = flag(splitter, "invert", false);
      if (regex.is_string()) {
        parts.steps.push_back(split_step(regex.get<std::string>(), how, invert, parts.where));
      } else if (literal.is_string()) {
        parts.steps.push_back({.kind = Step::Kind::Regex,
                               .pattern = Pattern(literal.get<std::string>(), true, parts.where),
                               .behaviour = how,
                               .invert = invert});
      } else {
        throw Error({"Split has the pattern " + pattern.dump() + ", wanted Regex or String",
                     parts.where, ""});
      }
    } else {
      refuse("the pre-tokenizer", type, "ByteLevel, Split, Digits, Sequence");
    }
    return false;
  }

  Id known(const Sorted& id) {
    if (!id.is_number_integer() || id < 0 || id >= parts.vocabulary.end())
      throw Error(
          {"the post-processor adds id " + id.dump() + ", which no token has", parts.where, ""});
    return id.get<Id>();
  }

  void around(const std::vector<Id>& before, const std::vector<Id>& after) {
    parts.before.insert(parts.before.begin(), before.begin(), before.end());
    parts.after.insert(parts.after.end(), after.begin(), after.end());
  }

  void post_processor(const Sorted& processor) {
    if (processor.is_null()) return;
    std::string type = type_of(processor);
    if (type == "Sequence") {
      for (const Sorted& each : at(processor, "processors")) post_processor(each);
    } else if (type == "TemplateProcessing") {
      std::vector<Id> before, after;
      bool seen = false;
      for (const Sorted& piece : at(processor, "single")) {
        if (const Sorted& special = at(piece, "SpecialToken"); !special.is_null()) {
          const Sorted& entry =
              at(at(processor, "special_tokens"), at(special, "id").get<std::string>().c_str());
          for (const Sorted& id : at(entry, "ids")) (seen ? after : before).push_back(known(id));
        } else if (seen || at(at(piece, "Sequence"), "id") != "A") {
          throw Error({"the template of one text holds " + piece.dump() + ", wanted the text once",
                       parts.where, ""});
        } else {
          seen = true;
        }
      }
      if (!seen) throw Error({"the template of one text lacks the text", parts.where, ""});
      around(before, after);
    } else if (type == "RobertaProcessing" || type == "BertProcessing") {
      around({known(at(processor, "cls").at(1))}, {known(at(processor, "sep").at(1))});
    } else if (type != "ByteLevel") {  // which moves offsets alone
      refuse("the post-processor", type,
             "TemplateProcessing, ByteLevel, RobertaProcessing, BertProcessing, Sequence");
    }
  }

  void decoder(const Sorted& decoder) {
    if (type_of(decoder) == "Sequence" && at(decoder, "decoders").size() == 1)
      return this->decoder(at(decoder, "decoders").at(0));
    if (type_of(decoder) != "ByteLevel")
      refuse("the decoder", decoder.is_null() ? "null" : type_of(decoder), "ByteLevel");
  }
};

}  // namespace

Parts parts_of_json(std::string_view tokenizer_json, const std::string& where) {
  Parts parts;
  parts.where = where;
  try {
    Sorted whole = Sorted::parse(tokenizer_json.begin(), tokenizer_json.end());
    if (!whole.is_object())
      throw Error({"the file holds no JSON object", where, "is it tokenizer.json?"});
    Reader reader{parts};
    reader.model(at(whole, "model"));
    reader.added(at(whole, "added_tokens"));
    reader.normalizer(at(whole, "normalizer"));
    if (!reader.splitter(at(whole, "pre_tokenizer"))) {
      throw Error({"the pre-tokenizer does not end in ByteLevel", where,
                   "use a model with a byte-level BPE tokenizer"});
    }
    reader.decoder(at(whole, "decoder"));
    reader.post_processor(at(whole, "post_processor"));
  } catch (const Sorted::parse_error& error) {
    throw Error({std::string("invalid JSON: ") + error.what(), where, "is the file complete?"});
  } catch (const Sorted::exception& error) {
    throw Error({std::string("not in the form of tokenizer.json: ") + error.what(), where, ""});
  }
  if (parts.before.size() == 1) parts.specials.bos = parts.before[0];
  if (parts.after.size() == 1) parts.specials.eos = parts.after[0];
  parts.specials.add_bos = parts.specials.bos.has_value();
  parts.specials.add_eos = parts.specials.eos.has_value();
  parts.json = tokenizer_json;
  return parts;
}

}  // namespace temper::token
