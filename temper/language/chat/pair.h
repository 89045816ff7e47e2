// Preference rows to tokens, as TRL 1.16's DPOTrainer and KTOTrainer make them (_prepare_dataset
// and their collators): the answers begin where prompt and prompt + answer part, and each sequence
// keeps its first max_length tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "temper/language/chat/renderer.h"

namespace temper::chat {

struct TokenPair {
  /// Of an unpaired row only one answer: `chosen` where its label is true, `rejected` otherwise.
  std::vector<token::Id> prompt, chosen, rejected;
  bool truncated = false;
  /// Tokens of the prompt alone that prompt + answer does not begin with; they are left out.
  int64_t prompt_tokens_lost = 0;
  std::string where;
  /// Why nothing can be learned from the pair; empty when something can.
  std::string unusable;
};

/// `row` is a preference row, paired or not; `renderer` has no max_length of its own. `max_length`
/// 0: no limit. Throws Error with the row's place.
TokenPair token_pair(const Renderer& renderer, const data::Row& row, int64_t max_length);

/// What to say about pairs before training on them: prompts that lose tokens, answers without an
/// end of turn, answers that were cut.
std::vector<std::string> lint(const Renderer& renderer, const std::vector<TokenPair>& pairs);

}  // namespace temper::chat
