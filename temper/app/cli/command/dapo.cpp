// temper dapo: GRPO with clip-higher, dynamic sampling and overlong shaping.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::dapo {

extern const Command entry =
    policy_command("dapo", "GRPO with clip-higher, dynamic sampling and overlong shaping");

}  // namespace temper::cli::dapo
