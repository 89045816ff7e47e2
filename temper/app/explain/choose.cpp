#include "temper/app/explain/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/number.h"
#include "temper/learn/plan/plan.h"

namespace temper::explain {
namespace {

/// A Llama of about that many numbers: 28 layers of 10.5 D² each and a tied embedding of 50,000
/// rows.
weights::ModelConfig shape_of(double parameters) {
  constexpr double kLayers = 28, kVocabulary = 50000, kPerLayer = 10.5;
  const double a = kLayers * kPerLayer, b = kVocabulary;
  const double width = (std::sqrt(b * b + 4 * a * parameters) - b) / (2 * a);
  weights::ModelConfig config;
  config.model_type = "llama";
  config.vocabulary = static_cast<int64_t>(kVocabulary);
  config.width = std::max<int64_t>(16, std::llround(width / 16) * 16);
  config.layers = static_cast<int64_t>(kLayers);
  config.heads = 4;
  config.kv_heads = 1;
  config.head_dim = config.width / config.heads;
  config.ffn = config.width * 8 / 3;
  config.max_positions = 2048;
  config.tied_head = true;
  return config;
}

Advice stages_of(const Situation& s, const std::function<bool(std::string_view)>& has) {
  Advice advice;
  const std::string model = "--model_name_or_path ";
  std::string from = "M";
  auto stage = [&](const std::string& method, const std::string& reason, const std::string& rows) {
    const std::string folder = "runs/" + method;
    advice.stages.push_back(
        {method, reason,
         "temper " + method + " " + model + from + " " + rows + " --output_dir " + folder});
    from = folder;
  };
  const bool checkable = s.data == "verifier" || s.reward == "verifiable";
  const bool scored = s.reward == "model" && !checkable;

  if (s.data == "demonstrations") {
    stage("sft",
          "You have answers worth imitating. Nothing teaches form and vocabulary as cheaply, and "
          "whatever comes after it samples better answers.",
          "--dataset_name rows.jsonl");
  }
  if (s.data == "pairs") {
    stage("dpo",
          "You have comparisons. DPO learns from them directly: no reward model in between, no "
          "sampling, no second model in memory.",
          "--dataset_name pairs.jsonl");
  }
  if (s.data == "labels" && has("kto")) {
    stage("kto", "You have answers marked good or bad, each by itself. KTO needs no pairs of them.",
          "--dataset_name labels.jsonl");
  }
  if (s.data == "labels" && !has("kto")) {
    stage("sft",
          "You have answers marked good or bad, each by itself. Learn the good ones; where one "
          "prompt has a good and a bad answer, make a pair of them for `temper dpo`.",
          "--dataset_name good_rows.jsonl");
  }
  if (checkable) {
    stage("grpo",
          "An answer can be checked. GRPO samples several answers to each prompt, pushes those "
          "above their group's mean, and needs neither a reward model nor a value network.",
          s.data == "none" ? "--env env.yaml" : "--dataset_name rows.jsonl --reward_funcs exact");
    advice.notes.push_back(
        "The model must already be right sometimes: a group that is all wrong teaches nothing. "
        "`temper eval` tells (pass@8 well above 0); if it is not, begin with sft on a few worked "
        "answers.");
  }
  if (scored && s.data != "pairs") {
    stage("dpo",
          "A model can score answers. Sample eight a prompt (`temper sample --n 8`), score them, "
          "and make the best and the worst one a pair: that samples once. `temper online_dpo`, "
          "`temper "
          "rloo` and `temper ppo` sample as they learn, with `--reward_model_name_or_path`.",
          "--dataset_name pairs.jsonl");
  }
  if (scored) {
    advice.notes.push_back(
        "A scorer is fooled sooner or later: keep prompts aside and read answers, or score them "
        "with another model.");
  }
  if (advice.stages.empty()) {
    stage("sft",
          "There is nothing to learn from yet. A few hundred answers written by hand are the "
          "cheapest beginning; a rule that checks an answer (`temper verify --list`) is the next, "
          "and opens `temper grpo`." +
              std::string(has("distillation") ? " A larger model of the same vocabulary can teach "
                                                "this one: `temper distillation`."
                                              : ""),
          "--dataset_name rows.jsonl");
  }
  return advice;
}

bool any_samples(const Advice& advice) {
  return std::any_of(advice.stages.begin(), advice.stages.end(),
                     [](const Stage& stage) { return stage.method == "grpo"; });
}

/// The largest model that this much memory trains with LoRA.
double largest(double memory_gb, bool samples) {
  double low = 1e6, high = 1e13;
  for (int i = 0; i < 16; ++i) {  // to 0.03 %
    const double middle = std::sqrt(low * high);
    (need({middle, samples}).lora_gb <= memory_gb ? low : high) = middle;
  }
  return low;
}

std::string short_count(double count) {
  return count >= 1e9 ? fmt::format("{:.1f}B", count / 1e9) : fmt::format("{:.0f}M", count / 1e6);
}

void weigh(Advice& advice, const Situation& s) {
  const bool samples = any_samples(advice);
  const Need needed = need({s.parameters, samples});
  std::string note = fmt::format(
      "Memory: about {:.1f} GB to train all weights of {} parameters, {:.1f} GB with LoRA; you "
      "have {:.1f} GB. ",
      needed.full_gb, short_count(s.parameters), needed.lora_gb, s.memory_gb);
  if (needed.full_gb <= s.memory_gb) {
    note += "All weights fit.";
  } else if (needed.lora_gb <= s.memory_gb) {
    note += "Only LoRA fits, hence `--use_peft`.";
    for (Stage& stage : advice.stages) stage.command += " --use_peft";
  } else {
    note += fmt::format(
        "Neither fits: lower `--micro_batch_tokens`, or take a model of at most about {} "
        "parameters.",
        short_count(largest(s.memory_gb, samples)));
  }
  advice.notes.push_back(note);
}

}  // namespace

const std::vector<std::string> kData = {"demonstrations", "pairs", "labels", "verifier", "none"};
const std::vector<std::string> kReward = {"verifiable", "model", "none"};

Advice advise(const Situation& situation, const std::function<bool(std::string_view)>& has) {
  Advice advice = stages_of(situation, has);
  weigh(advice, situation);
  return advice;
}

std::string text_of(const Advice& advice) {
  std::string text;
  for (const Stage& stage : advice.stages) {
    text += (text.empty() ? "# " : "\n## then ") + stage.method + "\n\n" + stage.reason +
            "\n\n```\n" + stage.command + "\n```\n";
  }
  text += "\n";
  for (const std::string& note : advice.notes) text += "- " + note + "\n";
  text += "- `temper explain " + advice.stages[0].method +
          "` says more; `temper explain comparison` sets the methods side by side.\n";
  return text;
}

Need need(const Load& load) {
  const weights::ModelConfig config = shape_of(load.parameters);
  auto peak = [&](model::Training training) {
    plan::Shape shape{.training = training, .lora = {}};
    if (load.samples) {
      shape.max_sequences = 64;
      shape.sequence_tokens = 512;
    }
    return static_cast<double>(
               plan::predict(config, shape, {}, {.flops_per_s = 1, .memory_bytes = 1}).peak_bytes) /
           1e9;
  };
  return {peak(model::Training::Full), peak(model::Training::Lora)};
}

double parameters_from(const std::string& text) {
  double scale = 1;
  std::string number = text;
  if (!number.empty()) {
    const int last = std::toupper(static_cast<unsigned char>(number.back()));
    scale = last == 'K' ? 1e3 : last == 'M' ? 1e6 : last == 'B' ? 1e9 : 1;
    if (scale > 1) number.pop_back();
  }
  const auto value = text::parse_double(number);
  if (!value || !(*value * scale >= 1e6) || *value * scale > 1e13) {
    throw Error({"model_parameters: wanted a number from 1M to 10000B, got '" + text + "'",
                 "temper explain --choose", "--model_parameters 135M, or 1.5B"});
  }
  return *value * scale;
}

}  // namespace temper::explain
