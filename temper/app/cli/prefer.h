// What every command of the preference family does: its member's options beside the loop's.
#pragma once

#include <span>
#include <string>

#include "temper/app/cli/command.h"

namespace temper::cli {

/// Trains with the member of that name.
Exit prefer(const std::string& member, std::span<const std::string> args, const Context& context);

}  // namespace temper::cli
