// temper gpg: reinforcement learning by the plain policy gradient against the group's mean.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::gpg {

extern const Command entry = policy_command("gpg", "the plain policy gradient in groups (GPG)");

}  // namespace temper::cli::gpg
