// The files that transformers reads a tokenizer from. A tokenizer that was read from them is
// written as it stood; one from GGUF is spelled out.
#include <nlohmann/json.hpp>

#include "temper/language/token/parts.h"

namespace temper::token {
namespace {

// "a,\nb,\nc" of what `write` says of each.
template <class List, class Write>
std::string lines(const List& list, const Write& write) {
  std::string out;
  for (auto& each : list) out += (out.empty() ? "\n" : ",\n") + write(each);
  return out + "\n";
}

Json byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", true}};
}

// TemplateProcessing for the tokens around a text, or ByteLevel, which adds none.
Json post_processor(const Parts& parts) {
  if (parts.before.empty() && parts.after.empty()) return byte_level();
  Json single = Json::array(), pair = Json::array(), specials = Json::object();
  auto part = [&](const char* name, int type) {
    auto special = [&](Id id) {
      const std::string& token = *parts.vocabulary.token(id);
      specials[token] = {{"id", token}, {"ids", {id}}, {"tokens", {token}}};
      return Json{{"SpecialToken", {{"id", token}, {"type_id", type}}}};
    };
    Json out = Json::array();
    for (Id id : parts.before) out.push_back(special(id));
    out.push_back({{"Sequence", {{"id", name}, {"type_id", type}}}});
    for (Id id : parts.after) out.push_back(special(id));
    return out;
  };
  single = pair = part("A", 0);
  for (Json& each : part("B", 1)) pair.push_back(std::move(each));
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", specials}};
}

}  // namespace

std::string json_string(const std::string& text) {
  return text::to_line(Json(text));
}

std::string json_text(const Parts& parts) {
  if (!parts.json.empty()) return parts.json;
  std::vector<Id> model(parts.model_count);
  for (size_t i = 0; i < model.size(); ++i) model[i] = static_cast<Id>(i);
  auto name = [&](Id id) { return json_string(*parts.vocabulary.token(id)); };
  std::string added = lines(parts.added, [&](const AddedToken& token) {
    return "{\"id\": " + std::to_string(token.id) + ", \"content\": " + json_string(token.content) +
           ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, "
           "\"special\": " +
           (token.special ? "true}" : "false}");
  });
  return "{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n\"added_tokens\": "
         "[" +
         added + "],\n\"normalizer\": " + (parts.nfc ? "{\"type\": \"NFC\"}" : "null") +
         ",\n\"pre_tokenizer\": " + parts.splitter_json +
         ",\n\"post_processor\": " + text::to_line(post_processor(parts)) +
         ",\n\"decoder\": " + text::to_line(byte_level()) +
         ",\n\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
         "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": false, "
         "\"byte_fallback\": false, \"ignore_merges\": " +
         (parts.ignore_merges ? "true" : "false") + ",\n\"vocab\": {" +
         lines(model, [&](Id id) { return name(id) + ": " + std::to_string(id); }) +
         "},\n\"merges\": [" +
         lines(parts.merges,
               [&](const Bpe::Merge& merge) {
                 return "[" + name(merge.left) + ", " + name(merge.right) + "]";
               }) +
         "]}\n}\n";
}

std::string config_text(const Parts& parts) {
  if (!parts.config.empty()) return parts.config;
  const auto& specials = parts.specials;
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_prefix_space", false},
                 {"clean_up_tokenization_spaces", false},
                 {"model_max_length", 1000000000000000019884624838656.0}};
  auto put = [&](const char* key, std::optional<Id> id) {
    if (id) config[key] = *parts.vocabulary.token(*id);
  };
  put("bos_token", specials.bos), put("eos_token", specials.eos);
  put("pad_token", specials.pad), put("unk_token", specials.unk);
  if (!specials.chat_template.empty()) config["chat_template"] = specials.chat_template;
  return config.dump(2) + "\n";
}

std::string with_pad(const std::string& config_text, const std::string& token) {
  Json config = Json::parse(config_text);
  config["pad_token"] = token;
  return config.dump(2) + "\n";
}

}  // namespace temper::token
