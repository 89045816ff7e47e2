#include "temper/app/cli/policy_command.h"

#include "temper/app/cli/train_command.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/train/policy.h"

namespace temper::cli {
namespace {

template <class Options, class Run>
Exit run(std::string_view name, const algo::Policy& member, std::span<const std::string> args,
         const Context& context, Run train) {
  Options options{train::grpo_defaults()};
  options.common.learning_rate = member.learning_rate;
  options.rollout.num_generations = member.num_generations;
  options.rollout.num_iterations = member.num_iterations;
  options.rollout.filter_groups = member.filter_groups;
  options.rollout.overlong_buffer_len = member.overlong_buffer_len;
  return train_command(name, "--model_name_or_path M --env pii_masking --output_dir runs/b",
                       options, member, args, context,
                       [&](const auto& chosen, const auto& loss, const train::Setting& setting) {
                         return train(chosen, member, loss, setting);
                       });
}

}  // namespace

Command policy_command(std::string_view name, std::string_view summary) {
  return {.group = "train",
          .summary = summary,
          .run = [name](std::span<const std::string> args, const Context& context) {
            const algo::Policy& member = *find_algorithm(algo::policy_catalogue(), name);
            return member.has_critic()
                       ? run<train::PpoOptions>(name, member, args, context, train::ppo)
                       : run<train::GrpoOptions>(name, member, args, context, train::grpo);
          }};
}

}  // namespace temper::cli
