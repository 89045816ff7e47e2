#include "temper/engine/model/lora.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/regex.h"

namespace temper::model {
namespace {

constexpr const char* kAll = "all-linear";
constexpr const char* kTargets = "lora_target_modules";

/// A module of the model, whether it can have an adapter, and the number of its layer.
struct Module {
  std::string name;
  int64_t out = 0, in = 0;
  bool linear = false;
  int64_t layer = -1;

  std::string last() const { return name.substr(name.find_last_of('.') + 1); }
};

bool is_tied(const weights::ModelConfig& config) {
  return config.tied_head && config.head == weights::HeadKind::Language;
}

std::vector<Module> modules_of(const weights::ModelConfig& config) {
  static const std::string kLayers = "model.layers.";
  std::vector<Module> all;
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    if (!tensor.name.ends_with(".weight")) continue;
    Module module{.name = tensor.name.substr(0, tensor.name.size() - std::string(".weight").size()),
                  .out = tensor.shape[0],
                  .in = tensor.shape.back()};
    if (module.name.starts_with(kLayers)) {
      module.layer = std::stoll(module.name.substr(kLayers.size()));
      module.linear = tensor.shape.size() == 2;
    }
    all.push_back(std::move(module));
  }
  if (is_tied(config)) {
    all.push_back({.name = "lm_head", .out = config.vocabulary, .in = config.width});
  }
  return all;
}

bool named(const Module& module, const std::string& name) {
  return module.name == name || module.name.ends_with("." + name);
}

enum class Wanted { Linear, Any };
[[noreturn]] void unknown(const std::string& option, const std::string& name,
                          const std::vector<Module>& all, Wanted wanted) {
  std::vector<std::string> names;
  for (const Module& module : all) {
    if (wanted == Wanted::Linear && !module.linear) continue;
    if (std::find(names.begin(), names.end(), module.last()) == names.end())
      names.push_back(module.last());
  }
  std::string listed = "wanted some of:";
  for (const std::string& each : names) listed += " " + each;
  const std::string near = text::did_you_mean(name, names);
  throw Error({option + ": no module is called '" + name + "'", "",
               near.empty() ? listed : near + " " + listed});
}

/// The modules that names or one pattern choose.
class Chooser {
 public:
  Chooser(const std::string& option, const std::vector<std::string>& names)
      : option_(option), names_(names) {
    if (is_pattern()) pattern_ = text::Regex(names[0], option, {.whole = true});
  }

  bool is_pattern() const {
    return names_.size() == 1 && names_[0] != kAll && !is_module_name(names_[0]);
  }
  bool operator()(const Module& module) const {
    if (pattern_) return pattern_->match(module.name) == text::Regex::Found::Yes;
    if (names_.size() == 1 && names_[0] == kAll) return module.linear;
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& name) { return named(module, name); });
  }

  /// Throws Error for a name or a pattern that chooses nothing.
  void must_fit(const std::vector<Module>& all) const {
    if (pattern_) {
      if (std::any_of(all.begin(), all.end(), *this)) return;
      throw Error(
          {option_ + ": the pattern '" + names_[0] + "' matches the whole name of no module", "",
           "names are like " + all[all.size() / 2].name});
    }
    for (const std::string& name : names_) {
      if (name == kAll && names_.size() == 1) continue;
      const bool fits =
          std::any_of(all.begin(), all.end(), [&](const Module& m) { return named(m, name); });
      if (!fits) unknown(option_, name, all, Wanted::Linear);
    }
  }

 private:
  std::string option_;
  const std::vector<std::string>& names_;
  std::optional<text::Regex> pattern_;
};

/// PEFT's rank_pattern and alpha_pattern: the first expression that fits the end of the name.
template <class Value>
Value by_pattern(const std::vector<std::pair<std::string, Value>>& patterns, const char* option,
                 const std::string& module, Value otherwise) {
  for (const auto& [pattern, value] : patterns) {
    const text::Regex regex("(.*\\.)?(" + pattern + ")", option, {.whole = true});
    if (regex.match(module) == text::Regex::Found::Yes) return value;
  }
  return otherwise;
}

Adapted adapted(const Module& module, const LoraOptions& options) {
  const int64_t rank = by_pattern(options.rank_pattern, "rank_pattern", module.name, options.rank);
  const double alpha =
      by_pattern(options.alpha_pattern, "alpha_pattern", module.name, options.alpha);
  if (rank < 1) {
    throw Error({"rank_pattern: wanted a rank of at least 1 for " + module.name + ", got " +
                     std::to_string(rank),
                 "", ""});
  }
  const double r = static_cast<double>(rank);
  return {.module = module.name,
          .in = module.in,
          .out = module.out,
          .rank = rank,
          .scale = static_cast<float>(alpha / (options.rank_stabilised ? std::sqrt(r) : r))};
}

void check_layers(const std::vector<int64_t>& layers, const weights::ModelConfig& config,
                  bool pattern) {
  if (layers.empty()) return;
  if (pattern) {
    throw Error({"layers_to_transform goes with names of modules, not with a pattern", "",
                 "write the numbers of the layers into the pattern"});
  }
  for (int64_t layer : layers) {
    if (layer < 0 || layer >= config.layers) {
      throw Error({"layers_to_transform: wanted numbers below " + std::to_string(config.layers) +
                       ", got " + std::to_string(layer),
                   "", ""});
    }
  }
}

/// What is trained whole: PEFT compares the ends of names, dots or none.
std::vector<std::string> whole_modules(const std::vector<Module>& all,
                                       const weights::ModelConfig& config,
                                       const LoraOptions& options) {
  std::vector<std::string> whole;
  std::vector<bool> used(options.saved.size());
  for (const Module& module : all) {
    bool chosen = module.name == "score";
    for (size_t i = 0; i < options.saved.size(); ++i) {
      if (options.saved[i].empty() || !module.name.ends_with(options.saved[i])) continue;
      chosen = used[i] = true;
    }
    if (chosen) whole.push_back(module.name);
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) unknown("lora_modules_to_save", options.saved[i], all, Wanted::Any);
  }
  if (!is_tied(config)) return whole;
  const auto head = std::find(whole.begin(), whole.end(), "lm_head");
  const std::string embedding = "model.embed_tokens";
  const bool has_embedding = std::find(whole.begin(), whole.end(), embedding) != whole.end();
  if ((head != whole.end() || has_embedding) && !options.keeps_tied) {
    throw Error({"modules_to_save: the model's embedding and head are one, the adapter holds " +
                     std::string(has_embedding ? "the embedding" : "the head") + " apart",
                 "adapter_config.json",
                 "train it with ensure_weight_tying: true, or on a model whose head is its own"});
  }
  if (head != whole.end()) {
    whole.erase(head);
    if (!has_embedding) whole.push_back(embedding);
  }
  return whole;
}

}  // namespace

bool is_module_name(const std::string& target) {
  return std::all_of(target.begin(), target.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-';
  });
}

const Adapted* Choice::find(const std::string& module) const {
  const auto found = std::find_if(adapted.begin(), adapted.end(),
                                  [&](const Adapted& each) { return each.module == module; });
  return found == adapted.end() ? nullptr : &*found;
}

bool Choice::is_whole(const std::string& tensor) const {
  return std::find(whole.begin(), whole.end(), tensor.substr(0, tensor.find_last_of('.'))) !=
         whole.end();
}

Choice choose(const weights::ModelConfig& config, const LoraOptions& options) {
  const std::vector<Module> all = modules_of(config);
  Choice choice{.adapted = {}, .whole = whole_modules(all, config, options)};
  if (options.targets.empty()) {
    throw Error({std::string(kTargets) + ": wanted at least one module", "", "all-linear"});
  }
  const Chooser targets(kTargets, options.targets);
  const Chooser excluded("exclude_modules", options.excluded);
  targets.must_fit(all);
  check_layers(options.layers, config, targets.is_pattern());
  for (const Module& module : all) {
    if (!targets(module) || excluded(module) || choice.is_whole(module.name + ".weight")) continue;
    if (!module.linear) {
      throw Error({std::string(kTargets) + ": " + module.name + " cannot have an adapter", "",
                   "train it whole (--lora_modules_to_save " + module.last() +
                       "), or choose linear layers"});
    }
    const bool in_layer = options.layers.empty() ||
                          std::find(options.layers.begin(), options.layers.end(), module.layer) !=
                              options.layers.end();
    if (in_layer) choice.adapted.push_back(adapted(module, options));
  }
  if (choice.adapted.empty()) {
    throw Error({std::string(kTargets) + ": no module is left to get an adapter", "",
                 "choose others than those that are excluded or trained whole"});
  }
  return choice;
}

}  // namespace temper::model
