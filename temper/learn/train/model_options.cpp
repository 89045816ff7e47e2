// The model that a run's options ask for.
#include <string>
#include <utility>

#include "temper/foundation/error/error.h"
#include "temper/learn/train/run.h"

namespace temper::train {
namespace {

void refuse_without_adapter(const CommonOptions& o) {
  if (o.use_peft) return;
  const std::pair<const char*, bool> given[] = {
      {"use_rslora", o.use_rslora},
      {"use_dora", o.use_dora},
      {"load_in_8bit", o.quantise.load_in_8bit},
      {"load_in_4bit", o.quantise.load_in_4bit},
      {"lora_modules_to_save", !o.lora_modules_to_save.empty()}};
  for (const auto& [name, is_given] : given) {
    if (!is_given) continue;
    throw Error({std::string("--") + name +
                     " is an option of adapters, and the whole model is "
                     "to be trained",
                 "", "add --use_peft, or leave it out"});
  }
}

}  // namespace

model::ModelOptions model_options(const CommonOptions& o, weights::HeadKind head) {
  refuse_without_adapter(o);
  const kernel::QuantiseOptions quantise = sample::quantise_options(o.quantise);  // may throw
  return {.dtype = sample::dtype_of(o.dtype),
          .training = o.use_peft ? model::Training::Lora : model::Training::Full,
          .lora = {.rank = o.lora_r,
                   .alpha = o.lora_alpha,
                   .rank_stabilised = o.use_rslora,
                   .decomposed = o.use_dora,
                   .targets = o.lora_target_modules,
                   .saved = o.lora_modules_to_save},
          .seed = o.run_seed(),
          .head = head,
          .gradient_checkpointing = o.gradient_checkpointing,
          .quantise = quantise};
}

}  // namespace temper::train
