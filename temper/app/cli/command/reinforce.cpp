// temper reinforce: reinforcement learning by the plain policy gradient.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::reinforce {

extern const Command entry = policy_command("reinforce", "the plain policy gradient (REINFORCE)");

}  // namespace temper::cli::reinforce
