// The tokenizer's files of a Hugging Face folder. What tokenizer_config.json says on top of
// tokenizer.json acts as in transformers 5: tokens it names are added, and `add_bos_token` or
// `add_eos_token`, when there, replace the post-processor.
#include <map>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/language/token/parts.h"

namespace temper::token {
namespace {

const Json& at(const Json& value, const std::string& key) {
  static const Json null;
  auto found = value.is_object() ? value.find(key) : value.end();
  return value.is_object() && found != value.end() ? *found : null;
}

std::string text_if_there(const std::string& path) {
  return file::exists(path) ? file::read_file(path) : "";
}

Json object_if_there(const std::string& path) {
  std::string text = text_if_there(path);
  Json value = text.empty() ? Json::object() : text::parse_json(text, path);
  if (!value.is_object()) throw Error({"the file holds no JSON object", path, ""});
  return value;
}

// A token as a string or as an object with its flags; nothing for null.
std::optional<AddedToken> token_of(const Json& value) {
  if (value.is_string() && value != "")
    return AddedToken{.content = value.get<std::string>(), .special = true};
  const Json& content = at(value, "content");
  if (!content.is_string() || content == "") return std::nullopt;
  auto flag = [&](const char* key) { return at(value, key) == true; };
  return AddedToken{.content = content.get<std::string>(),
                    .single_word = flag("single_word"),
                    .lstrip = flag("lstrip"),
                    .rstrip = flag("rstrip"),
                    .normalized = flag("normalized"),
                    .special = flag("special")};
}

// Adds the token unless it is one of the added already; its id.
Id named(AddedToken token, Parts& parts) {
  for (const AddedToken& other : parts.added)
    if (other.content == token.content) return other.id;
  token.special = true;
  return add_token(std::move(token), parts);
}

std::string template_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string first;
  if (!value.is_array()) return first;
  for (const Json& each : value) {  // several templates, each with its name
    const Json& text = at(each, "template");
    if (!text.is_string()) continue;
    if (at(each, "name") == "default") return text.get<std::string>();
    if (first.empty()) first = text.get<std::string>();
  }
  return first;
}

void read_config(const Json& config, const Json& map, Parts& parts) {
  std::map<int64_t, AddedToken> listed;
  for (auto& [id, value] : at(config, "added_tokens_decoder").items())
    if (auto token = token_of(value)) listed.emplace(std::atoll(id.c_str()), *token);
  for (auto& [id, token] : listed) {
    Id got = add_token(token, parts);
    if (got != id) {
      throw Error({"added_tokens_decoder gives token '" + token.content + "' the id " +
                       std::to_string(id) + ", tokenizer.json " + std::to_string(got),
                   parts.where, "both files must come from the same tokenizer"});
    }
  }
  auto special = [&](const char* key) -> std::optional<Id> {
    auto token = token_of(config.contains(key) ? at(config, key) : at(map, key));
    return token ? std::optional(named(*token, parts)) : std::nullopt;
  };
  auto& specials = parts.specials;
  specials.bos = special("bos_token"), specials.eos = special("eos_token");
  specials.unk = special("unk_token"), specials.pad = special("pad_token");
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const Json& list = config.contains(key) ? at(config, key) : at(map, key);
    if (!list.is_array() && !list.is_object()) continue;
    for (const Json& value : list)
      if (auto token = token_of(value)) named(*token, parts);
  }
  if (config.contains("add_bos_token") || config.contains("add_eos_token")) {
    parts.before.clear(), parts.after.clear();
    if (at(config, "add_bos_token") == true && specials.bos) parts.before = {*specials.bos};
    if (at(config, "add_eos_token") == true && specials.eos) parts.after = {*specials.eos};
  }
  specials.add_bos = !parts.before.empty() && parts.before.front() == specials.bos;
  specials.add_eos = !parts.after.empty() && parts.after.back() == specials.eos;
}

}  // namespace

Parts parts_of_folder(const std::string& folder) {
  std::string path = folder + "/tokenizer.json";
  if (!file::exists(path)) {
    throw Error({"the folder holds no tokenizer.json", folder,
                 "save the tokenizer in that form: transformers' AutoTokenizer.from_pretrained(…)."
                 "save_pretrained(…) writes it"});
  }
  Parts parts = parts_of_json(file::read_file(path), path);
  std::string config_path = folder + "/tokenizer_config.json";
  Json config = object_if_there(config_path);
  Json map = object_if_there(folder + "/special_tokens_map.json");
  read_config(config, map, parts);
  std::string jinja = text_if_there(folder + "/chat_template.jinja");
  if (jinja.empty()) jinja = template_text(at(config, "chat_template"));
  if (jinja.empty())
    jinja = template_text(at(object_if_there(folder + "/chat_template.json"), "chat_template"));
  parts.specials.chat_template = jinja;
  // What write_folder writes: one file that says all.
  for (const char* key :
       {"bos_token", "eos_token", "unk_token", "pad_token", "additional_special_tokens"})
    if (!config.contains(key) && map.contains(key)) config[key] = map[key];
  if (!jinja.empty()) config["chat_template"] = jinja;
  parts.config = config.dump(2);
  return parts;
}

}  // namespace temper::token
