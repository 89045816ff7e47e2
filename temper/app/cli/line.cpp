#include "temper/app/cli/line.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/file/file.h"
#include "temper/foundation/text/nearest.h"

namespace temper::cli {
namespace {

Error wrong(const std::string& key, const std::string& wanted, const Json& got) {
  return Error({key + ": wanted " + wanted + ", got " + std::string(got.type_name()), "", ""});
}

}  // namespace

const Json* Line::find(const std::string& key) {
  asked_.push_back(key);
  const auto held = value_.find(key);
  return held == value_.end() || held->is_null() ? nullptr : &*held;
}

std::optional<std::string> Line::text(const std::string& key) {
  const Json* held = find(key);
  if (held == nullptr) return std::nullopt;
  if (!held->is_string()) throw wrong(key, "a string", *held);
  return held->get<std::string>();
}

bool Line::flag(const std::string& key, bool otherwise) {
  const Json* held = find(key);
  if (held == nullptr) return otherwise;
  if (!held->is_boolean()) throw wrong(key, "true or false", *held);
  return held->get<bool>();
}

std::vector<int32_t> Line::ids(const std::string& key, int64_t vocabulary) {
  const Json* held = find(key);
  if (held == nullptr) throw Error({"the line has no '" + key + "'", "", ""});
  if (!held->is_array()) throw wrong(key, "a list of token ids", *held);
  std::vector<int32_t> out;
  out.reserve(held->size());
  for (const Json& each : *held) {
    if (!each.is_number_integer()) throw wrong(key, "a list of token ids", each);
    const bool fits = each.is_number_unsigned()
                          ? each.get<uint64_t>() < static_cast<uint64_t>(vocabulary)
                          : each.get<int64_t>() >= 0 && each.get<int64_t>() < vocabulary;
    if (!fits) {
      throw Error({key + ": token id " + each.dump() + " is outside the vocabulary of " +
                       std::to_string(vocabulary),
                   "", "use ids of this model's tokenizer"});
    }
    out.push_back(each.get<int32_t>());
  }
  return out;
}

Json Line::rest() const {
  Json left = Json::object();
  for (const auto& [key, held] : value_.items()) {
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) left[key] = held;
  }
  return left;
}

void Line::finish() const {
  const Json left = rest();
  if (left.empty()) return;
  std::vector<std::string> names = asked_;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const std::string& key = left.begin().key();
  throw Error({"key '" + key + "' is not one of: " + all, "", text::did_you_mean(key, names)});
}

void describe(config::Fields<InputOptions>& f) {
  f.add("input", &InputOptions::input, "a file of JSON Lines; unset: standard input");
}

void describe_sampling(config::Fields<chat::SamplingOptions>& f) {
  using O = chat::SamplingOptions;
  f.add("temperature", &O::temperature, "logits are divided by it; 0 = the likeliest token")
      .at_least(0);
  f.add("top_p", &O::top_p, "keep the smallest set of tokens with this much probability")
      .above(0)
      .at_most(1);
  f.add("top_k", &O::top_k, "keep the k likeliest tokens; 0 = all").at_least(0);
  f.add("min_p", &O::min_p, "keep tokens with this share of the largest probability").within(0, 1);
  f.add("max_tokens", &O::max_tokens, "tokens of an answer at most").at_least(1);
  f.add("stop", &O::stop, "texts that end an answer");
  f.add("stop_tokens", &O::stop_tokens, "token ids that end an answer, besides the model's own");
  f.add("ignore_end", &O::ignore_end, "go on past the model's end tokens");
}

Exit ended(const Context& context) {
  return context.stopped() ? Exit::Interrupted : Exit::Done;
}

std::vector<std::string> with_model_first(std::span<const std::string> args) {
  std::vector<std::string> words(args.begin(), args.end());
  if (!words.empty() && !words[0].starts_with('-')) words.insert(words.begin(), "--model");
  return words;
}

void refuse_used_folder(const std::string& folder) {
  if (!file::exists(folder)) return;
  if (file::is_folder(folder) && file::names_in(folder).empty()) return;
  throw Error({"the folder is in use: nothing is overwritten", folder,
               "choose another --output_dir, or remove it"});
}

}  // namespace temper::cli
