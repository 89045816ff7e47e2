// temper rloo: reinforcement learning, each answer set against the mean of the others.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::rloo {

extern const Command entry =
    policy_command("rloo", "each answer against the others of its prompt (RLOO)");

}  // namespace temper::cli::rloo
