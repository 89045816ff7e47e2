// temper opo: reinforcement learning with the baseline of least variance.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::opo {

extern const Command entry = policy_command("opo", "the baseline of least variance (OPO)");

}  // namespace temper::cli::opo
