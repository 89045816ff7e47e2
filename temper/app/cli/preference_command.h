// The commands of the preference family: `temper dpo`, `temper orpo`, …, one a member.
#pragma once

#include <string_view>

#include "temper/app/cli/command.h"

namespace temper::cli {

/// Trains by the member of algo::preference_catalogue() of that name: the options of the loop that
/// its pairs come from, and the member's own. Both views must live as long as the program.
Command preference_command(std::string_view name, std::string_view summary);

}  // namespace temper::cli
