// Which method fits what one has: data, a reward, memory. Rules of thumb, each with its reason;
// memory is what learn/plan predicts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace temper::explain {

struct Situation {
  std::string data;       ///< one of kData
  std::string reward;     ///< one of kReward
  double memory_gb = 0;   ///< 10⁹ bytes that training may take
  double parameters = 0;  ///< numbers in the model
};
extern const std::vector<std::string> kData;    ///< demonstrations pairs labels verifier none
extern const std::vector<std::string> kReward;  ///< verifiable model none

/// One stage of training.
struct Stage {
  std::string method;   ///< a command's name
  std::string reason;   ///< Markdown
  std::string command;  ///< what to type
};
struct Advice {
  std::vector<Stage> stages;       ///< at least one, in order
  std::vector<std::string> notes;  ///< Markdown: what else to know, memory among it
};
/// `has` says whether temper has the method: what it lacks is never advised.
Advice advise(const Situation& situation, const std::function<bool(std::string_view)>& has);

/// The advice as Markdown.
std::string text_of(const Advice& advice);

/// What a training run of such a model peaks at: bfloat16, 2048 tokens at once, with or without 64
/// answers of 512 tokens being sampled. The model's shape is assumed (Llama, 28 layers).
struct Need {
  double full_gb = 0, lora_gb = 0;
};
struct Load {
  double parameters = 0;
  bool samples = false;
};
Need need(const Load& load);

/// "135M", "1.5B", "8e9" as a number; throws Error.
double parameters_from(const std::string& text);

}  // namespace temper::explain
