// From answers to rows of a forward pass: sequences are laid end to end without padding, and the
// answers of a group stand behind one copy of their prompt. Only rows that predict a trained token
// reach the head.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/batch.h"

namespace temper::batch {

/// What follows the prompt in one answer.
struct Answer {
  std::vector<int32_t> tokens;
  std::vector<uint8_t>
      trained;     ///< as many as tokens; a first token without a prompt before it is never trained
  int64_t id = 0;  ///< the caller's name for it: its place in the optimizer batch
};

/// Answers to one prompt. An SFT row is a group with an empty prompt and one answer.
struct Group {
  std::vector<int32_t> prompt;
  std::vector<Answer> answers;
};

/// One micro-batch.
struct Packed {
  model::Batch rows;
  std::vector<int32_t> targets;  ///< [N] the trained tokens, answer by answer
  std::vector<int32_t> answer;   ///< [N] index into `answers`
  std::vector<int32_t> place;    ///< [N] index of the token within its answer
  std::vector<int64_t> answers;  ///< ids of the answers in this micro-batch
  int64_t tokens = 0;  ///< tokens read, as the user counts them: prompts once, answers whole

  int64_t size() const { return static_cast<int64_t>(targets.size()); }
};

/// Rows that a group costs: its prompt once and its answers without their last tokens.
int64_t cost(const Group& group);

/// Groups in as few micro-batches of at most `budget` rows as bins.h finds, each in order; a group
/// that is too large is cut between its answers, with the prompt repeated. An answer alone that
/// exceeds the budget gets a micro-batch of its own.
std::vector<Packed> pack(std::span<const Group> groups, int64_t budget);

/// One micro-batch of everything given.
Packed pack_all(std::span<const Group> groups);

/// Items that cost so many rows, in order, as runs of at most `budget`: how many each run has. An
/// item alone that exceeds the budget gets a run of its own.
std::vector<size_t> runs(std::span<const int64_t> costs, int64_t budget);

}  // namespace temper::batch
