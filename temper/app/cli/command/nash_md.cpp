// temper nash_md: win against a mixture of policy and reference.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::nash_md {

extern const Command entry =
    preference_command("nash_md", "win against a mixture of policy and reference (Nash-MD)");

}  // namespace temper::cli::nash_md
