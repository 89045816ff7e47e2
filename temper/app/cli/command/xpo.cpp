// temper xpo: online DPO against the reference's answers, with a pull away from them.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::xpo {

extern const Command entry =
    preference_command("xpo", "online DPO that explores beyond the reference (XPO)");

}  // namespace temper::cli::xpo
