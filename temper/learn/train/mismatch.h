// Answers behind other rows' prompts, from which KTO estimates how far the policy is from the
// reference.
#pragma once

#include <span>
#include <vector>

#include "temper/learn/step/preference.h"

namespace temper::train {

/// The prompts of a batch of single answers, each with the answer of the row before it (the first
/// with the last one's), cut to `max_length` tokens in all; 0: no limit. None for fewer than two
/// rows.
std::vector<step::Pair> mismatched(std::span<const step::Pair* const> batch, int64_t max_length);

}  // namespace temper::train
