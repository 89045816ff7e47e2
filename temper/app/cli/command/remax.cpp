// temper remax: reinforcement learning, each answer set against the greedy one.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::remax {

extern const Command entry =
    policy_command("remax", "each answer against the greedy one of its prompt");

}  // namespace temper::cli::remax
