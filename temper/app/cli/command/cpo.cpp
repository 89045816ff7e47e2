// temper cpo: learn from pairs of answers without a reference model, with TRL's flags.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::cpo {

extern const Command entry =
    preference_command("cpo", "learn from pairs without a reference (CPO, SimPO)");

}  // namespace temper::cli::cpo
