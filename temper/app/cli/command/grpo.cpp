// temper grpo: reinforcement learning in an environment, each answer set against its group.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::grpo {

extern const Command entry = policy_command("grpo", "learn from rewards in an environment (GRPO)");

}  // namespace temper::cli::grpo
