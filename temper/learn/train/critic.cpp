#include "temper/learn/train/critic.h"

#include <algorithm>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::train {
namespace {

std::string source_of(const Run& run, const CriticOptions& options) {
  if (!options.value_model_name_or_path.empty()) return options.value_model_name_or_path;
  const std::string& policy = run.options().model_name_or_path;
  return model::is_adapter_folder(policy) ? model::read_adapter_config(policy).base : policy;
}

}  // namespace

void check_tokens(const token::Tokenizer& policy, const token::Tokenizer& other,
                  const std::string& what, const std::string& where) {
  bool same = policy.vocabulary_size() == other.vocabulary_size();
  for (token::Id id = 0; same && id < policy.vocabulary_size(); ++id)
    same = policy.token(id) == other.token(id);
  if (same) return;
  throw Error({"the " + what + "'s tokens are not those of the policy, whose answers it reads",
               where, "one of the policy's family"});
}

sample::Loaded load_critic(Run& run, const CriticOptions& options) {
  const std::string source = source_of(run, options);
  sample::Loaded critic =
      sample::load(source, model_options(run.options(), weights::HeadKind::Sequence));
  check_tokens(run.tokenizer(), critic.tokenizer, "value model", source);
  return critic;
}

step::ByAnswer values(model::Model& critic, std::vector<batch::Group> groups,
                      int64_t micro_batch_tokens) {
  step::ByAnswer all;
  for (batch::Group& group : groups) {
    for (batch::Answer& answer : group.answers) {
      answer.tokens.push_back(0);  // stands for what would come next; never read
      answer.trained.assign(answer.tokens.size(), 1);
      all.resize(std::max(all.size(), static_cast<size_t>(answer.id) + 1));
      all[static_cast<size_t>(answer.id)].resize(answer.tokens.size());
    }
  }
  step::read_values(critic, batch::pack(groups, micro_batch_tokens), all);
  return all;
}

}  // namespace temper::train
