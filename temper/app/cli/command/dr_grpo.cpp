// temper dr_grpo: GRPO without division by std and length.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::dr_grpo {

extern const Command entry = policy_command("dr_grpo", "GRPO without division by std and length");

}  // namespace temper::cli::dr_grpo
