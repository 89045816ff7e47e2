// temper reinforce_pp: reinforcement learning on rewards whitened over the batch.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::reinforce_pp {

extern const Command entry =
    policy_command("reinforce_pp", "rewards whitened over the batch (REINFORCE++)");

}  // namespace temper::cli::reinforce_pp
