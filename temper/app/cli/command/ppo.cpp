// temper ppo: reinforcement learning with a critic, a learned value at every token.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::ppo {

extern const Command entry =
    policy_command("ppo", "learn from rewards with a critic (PPO): a learned value at every token");

}  // namespace temper::cli::ppo
