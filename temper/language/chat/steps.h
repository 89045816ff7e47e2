// Stepwise rows to tokens, as TRL's PRMTrainer made them before TRL 1: prompt, steps and separators
// are encoded apart and joined, BOS stands in front where the tokenizer has one, and a step's label
// belongs to its last token, the separator's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/language/data/dataset.h"
#include "temper/language/token/tokenizer.h"

namespace temper::chat {

struct StepOptions {
  std::string step_separator = "\n";     ///< behind every step
  int64_t max_length = 1024;             ///< of prompt and steps, which keep their beginning
  int64_t max_prompt_length = 512;       ///< of the prompt, which keeps its end
  int64_t max_completion_length = 0;     ///< of the steps, which keep their beginning
  bool train_on_last_step_only = false;  ///< an outcome reward model: the last label alone counts
};
void describe(config::Fields<StepOptions>& f);

struct TokenSteps {
  std::vector<token::Id> ids;
  std::vector<int32_t> ends;    ///< places of the last tokens of the steps that count
  std::vector<int64_t> labels;  ///< 1 right, 0 wrong; one an end, or none where the row has none
  bool truncated = false;
  std::string where;
  /// Why nothing can be learned from the row; empty when something can.
  std::string unusable;
};

/// `row` is a stepwise row. Throws Error with its place.
TokenSteps token_steps(const token::Tokenizer& tokenizer, const data::Row& row,
                       const StepOptions& options);

}  // namespace temper::chat
