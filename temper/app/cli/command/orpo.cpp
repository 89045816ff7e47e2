// temper orpo: learn from pairs of answers without a reference model, with TRL's flags.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::orpo {

extern const Command entry = preference_command(
    "orpo", "learn chosen answers and shun rejected ones, without a reference (ORPO)");

}  // namespace temper::cli::orpo
