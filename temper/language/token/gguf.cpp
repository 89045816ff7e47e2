// GGUF metadata (tokenizer.ggml.*): tokens, merges and types by id; everything else of a tokenizer
// follows from `pre`, the name llama.cpp gives to a way of splitting. The options behind each name
// are those of the tokenizer.json of the models it stands for.
#include "temper/foundation/file/gguf.h"

#include "temper/foundation/error/error.h"
#include "temper/language/token/parts.h"

namespace temper::token {
namespace {

constexpr int32_t kControl = 3, kUserDefined = 4;  // values of tokenizer.ggml.token_type

std::string split_json(const std::string& expression) {
  return R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": )" +
         json_string(expression) +
         R"(}, "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", )"
         R"("add_prefix_space": false, "trim_offsets": true, "use_regex": false}]})";
}

constexpr const char* kByteLevel =
    R"({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true})";

}  // namespace

Family family_of(std::string_view pre, const std::string& where) {
  using Kind = Step::Kind;
  if (pre == "gpt-2" || pre == "gpt2") return {.steps = {{.kind = Kind::Gpt2}}, .json = kByteLevel};
  if (pre == "smollm" || pre == "starcoder" || pre == "refact" || pre == "codeshell") {
    return {.steps = {{.kind = Kind::Digits, .individual = true}, {.kind = Kind::Gpt2}},
            .json = std::string(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", )"
                                R"("individual_digits": true}, )") +
                    kByteLevel + "]}"};
  }
  if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") {
    return {.steps = {{.kind = Kind::Llama3, .digits = 3}},
            .json = split_json(llama3_expression()),
            .ignore_merges = true,
            .add_bos = true};
  }
  if (pre == "qwen2" || pre == "deepseek-r1-qwen") {
    return {.steps = {{.kind = Kind::Llama3, .digits = 1}},
            .json = split_json(qwen2_expression()),
            .nfc = true};
  }
  throw Error(
      {"the GGUF pre-tokenizer '" + std::string(pre) +
           "' is not supported; those that are: gpt-2, smollm, starcoder, refact, codeshell, "
           "llama-bpe, llama3, llama-v3, qwen2, deepseek-r1-qwen",
       where, "use the model's Hugging Face folder, which holds a tokenizer.json"});
}

Parts parts_of_gguf(const file::Gguf& gguf) {
  Parts parts;
  parts.where = gguf.where();
  auto model = gguf.string("tokenizer.ggml.model");
  if (model != "gpt2") {
    throw Error({"the GGUF file's tokenizer is '" + std::string(model.value_or("(absent)")) +
                     "', wanted 'gpt2' (byte-level BPE)",
                 parts.where, ""});
  }
  auto pre = gguf.string("tokenizer.ggml.pre").value_or("gpt-2");
  Family family = family_of(pre, parts.where);
  auto tokens = gguf.strings("tokenizer.ggml.tokens");
  auto types = gguf.integers("tokenizer.ggml.token_type");
  auto merges = gguf.strings("tokenizer.ggml.merges");
  if (tokens.empty()) throw Error({"the GGUF file lists no tokens", parts.where, ""});
  if (merges.empty())
    throw Error({"the tokenizer has no merges", parts.where, "convert the model again"});
  if (!types.empty() && types.size() != tokens.size()) {
    throw Error({"tokenizer.ggml.token_type: wanted " + std::to_string(tokens.size()) +
                     " types, one a token, got " + std::to_string(types.size()),
                 parts.where, ""});
  }
  for (size_t id = 0; id < tokens.size(); ++id)
    parts.vocabulary.add(tokens[id], static_cast<int64_t>(id), tokens.size(), parts.where);
  parts.model_count = tokens.size();
  for (std::string_view merge : merges) {
    size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      throw Error({"merge " + std::to_string(parts.merges.size()) + " is '" + std::string(merge) +
                       "', not two tokens",
                   parts.where, ""});
    }
    parts.merges.push_back(
        merge_of(merge.substr(0, space), merge.substr(space + 1), parts.merges.size(), parts));
  }
  parts.bpe.emplace(parts.vocabulary.ids(), parts.merges,
                    Bpe::Options{.unknown = {}, .ignore_merges = family.ignore_merges});
  for (size_t id = 0; id < types.size(); ++id) {
    if ((types[id] == kControl || types[id] == kUserDefined) && !tokens[id].empty())
      parts.added.push_back({.content = std::string(tokens[id]),
                             .id = static_cast<Id>(id),
                             .special = types[id] == kControl});
  }
  parts.nfc = family.nfc;
  parts.ignore_merges = family.ignore_merges;
  parts.steps = std::move(family.steps);
  parts.splitter_json = std::move(family.json);

  auto special = [&](const std::string& name) -> std::optional<Id> {
    std::string key = "tokenizer.ggml." + name + "_token_id";
    auto id = gguf.integer(key);
    if (!id) return std::nullopt;
    if (*id < 0 || *id >= parts.vocabulary.end()) {
      throw Error({key + " is " + std::to_string(*id) + ", wanted 0 … " +
                       std::to_string(parts.vocabulary.end() - 1),
                   parts.where, ""});
    }
    return static_cast<Id>(*id);
  };
  auto& specials = parts.specials;
  specials.bos = special("bos"), specials.eos = special("eos");
  specials.pad = special("padding"), specials.unk = special("unknown");
  specials.add_bos =
      specials.bos && gguf.boolean("tokenizer.ggml.add_bos_token").value_or(family.add_bos);
  specials.add_eos = specials.eos && gguf.boolean("tokenizer.ggml.add_eos_token").value_or(false);
  if (specials.add_bos) parts.before.push_back(*specials.bos);
  if (specials.add_eos) parts.after.push_back(*specials.eos);
  specials.chat_template = gguf.string("tokenizer.chat_template").value_or("");
  return parts;
}

}  // namespace temper::token
