// The commands of the policy family: `temper grpo`, `temper rloo`, …, one a member.
#pragma once

#include <string_view>

#include "temper/app/cli/command.h"

namespace temper::cli {

/// Trains by the member of algo::policy_catalogue() of that name: the options of the policy loop
/// and the member's own. Both views must live as long as the program.
Command policy_command(std::string_view name, std::string_view summary);

}  // namespace temper::cli
