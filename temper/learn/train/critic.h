// The critic: a model with a score head of one label, whose value of a text is the reward that is
// expected when the policy goes on from there.
#pragma once

#include <vector>

#include "temper/learn/batch/pack.h"
#include "temper/learn/step/step.h"
#include "temper/learn/train/options.h"
#include "temper/learn/train/run.h"

namespace temper::train {

/// Throws Error unless the two have the same tokens. `what` reads the policy's answers: "value
/// model".
void check_tokens(const token::Tokenizer& policy, const token::Tokenizer& other,
                  const std::string& what, const std::string& where);

/// What --value_model_name_or_path names, for training; nothing named: the model that the run
/// begins with (an adapter's base), with a fresh head. Throws Error for a head of another kind or
/// more labels, and for other tokens than the policy's.
sample::Loaded load_critic(Run& run, const CriticOptions& options);

/// [answer][tokens + 1] its values before every token of the groups' answers, and behind the last.
step::ByAnswer values(model::Model& critic, std::vector<batch::Group> groups,
                      int64_t micro_batch_tokens);

}  // namespace temper::train
